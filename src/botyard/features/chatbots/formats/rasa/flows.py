"""Flows of Rasa's CALM: steps that collect, act, set, link and branch, as steps of ours in one list."""

from typing import Any

from botyard.features.chatbots.content import (
    Branch,
    Call,
    Choose,
    Condition,
    Flow,
    Generate,
    Handover,
    Put,
    Search,
    Slot,
    Step,
)
from botyard.features.chatbots.formats.rasa import predicates, steps
from botyard.features.chatbots.formats.rasa.draft import CODE, Draft
from botyard.features.chatbots.formats.rasa.predicates import Unsayable
from botyard.features.chatbots.formats.reading import items, mapping

_KINDS = ("action", "collect", "link", "call", "set_slots", "noop", "generation_prompt")
_QUIET = {"id", "next", "description", "metadata", "utter", "ask_before_filling", "rejections", *_KINDS}
_QUIET_FLOW = {"id", "name", "description", "nlu_trigger", "if", "steps", "always_include_in_prompt"}
_OWN_REPAIR = "Botyard repairs conversations by itself; this flow of Rasa's is not needed."


def read(draft: Draft, section: Any) -> None:
    """Take in one `flows` section."""
    for flow_id, raw in mapping(section).items():
        if flow_id.startswith("pattern_"):
            _pattern(draft, flow_id, mapping(raw))
        else:
            draft.content.flows.append(read_flow(draft, flow_id, mapping(raw)))


def read_flow(draft: Draft, flow_id: str, raw: dict[str, Any]) -> Flow:
    """One flow; its nested branches follow its own steps."""
    name, about = str(raw.get("name") or ""), str(raw.get("description") or "").strip()
    flow = Flow(
        id=flow_id,
        name="" if name == flow_id else name,
        description="" if about in (name, flow_id) else about,
        intents=_triggers(draft, flow_id, raw.get("nlu_trigger")),
        when=_guard(draft, flow_id, raw.get("if")),
        steps=_Reader(draft, flow_id).all(items(raw.get("steps"))),
    )
    for key in sorted(raw.keys() - _QUIET_FLOW):
        draft.report.partly("flow", flow_id, f"Its setting `{key}` is not kept.")
    return flow


def _triggers(draft: Draft, flow_id: str, raw: Any) -> list[str]:
    found = []
    for each in map(mapping, items(raw)):
        intent = each.get("intent")
        name = mapping(intent).get("name", intent)
        if "confidence_threshold" in mapping(intent):
            draft.report.partly(
                "flow", flow_id, "How sure its intent must be is a setting of the whole chatbot."
            )
        if name:
            found.append(str(name))
    return found


def _guard(draft: Draft, flow_id: str, raw: Any) -> Condition | None:
    if raw is None or isinstance(raw, bool) or str(raw).strip().lower() in ("true", "false"):
        return None  # never by itself is what a flow without intents does anyway
    try:
        return predicates.read(str(raw), draft.types)
    except Unsayable as problem:
        draft.report.partly("flow", flow_id, f"When it may start is not kept: {problem}.")
        return None


def _pattern(draft: Draft, flow_id: str, raw: dict[str, Any]) -> None:
    """Patterns repair conversations; of some, what they say has a place among our settings."""
    said = [str(step["action"]) for step in map(mapping, items(raw.get("steps"))) if "action" in step]
    said = [action for action in said if action in draft.content.responses]
    settings = draft.content.settings
    if flow_id == "pattern_session_start" and said:
        settings.greeting = said[0]
    elif flow_id == "pattern_human_handoff" and said:
        settings.handover.queued = said[0]
    elif flow_id in ("pattern_cannot_handle", "pattern_chitchat") and said and not settings.fallback:
        settings.fallback = said[-1]
    else:
        draft.report.lost("flow", flow_id, _OWN_REPAIR)
        return
    draft.report.partly("flow", flow_id, f"What it says first is kept as a setting. {_OWN_REPAIR}")


class _Reader:
    """Reads the steps of one flow into one list."""

    def __init__(self, draft: Draft, flow_id: str) -> None:
        self.draft = draft
        self.flow_id = flow_id
        self.out: list[Step] = []
        self.later: list[list[dict[str, Any]]] = []
        self.taken: set[str] = {"end"}

    def all(self, raw: list[Any]) -> list[Step]:
        """Every step: those of the flow first, then branch by branch what was nested."""
        self._name(raw)
        self.later.append([mapping(each) for each in raw])
        ends = set()
        while self.later:
            for step in self.later.pop(0):
                self._step(step)
            if self.out:
                ends.add(len(self.out) - 1)
        return _settled(self.out, ends)

    def _name(self, raw: Any) -> None:
        """Give every step an id before any is read, because steps name those that come later."""
        given = [each for each in _walk(raw) if each.get("id")]
        self.taken |= {str(each["id"]) for each in given}
        for each in _walk(raw):
            if not each.get("id"):
                kind = next((key for key in _KINDS if key in each), "step")
                of = each.get(kind)
                each["id"] = steps.numbered(of if isinstance(of, str) else kind, self.taken)

    def _step(self, raw: dict[str, Any]) -> None:
        step_id, follows = str(raw.get("id", "")), raw.get("next")
        found = self._own(raw, step_id)
        for key in sorted(raw.keys() - _QUIET):
            self._partly(f"The setting `{key}` of its step {step_id} is not kept.")
        if isinstance(follows, list):
            nothing = len(found) == 1 and isinstance(found[0], Put) and not found[0].slots
            choice_id = step_id if nothing else steps.numbered(f"{step_id}_next", self.taken)
            found = [*([] if nothing else found), self._choose(follows, choice_id)]
        elif follows is not None:
            found[-1].next = _target(follows)
        self.out += found

    def _own(self, raw: dict[str, Any], step_id: str) -> list[Step]:
        """What the step itself does, apart from where it goes on."""
        if "collect" in raw:
            return [self._collect(raw, step_id)]
        if "set_slots" in raw:
            return [Put(id=step_id, slots=dict(_pairs(raw["set_slots"])))]
        if "link" in raw or "call" in raw:
            return [self._call(raw, step_id)]
        if "generation_prompt" in raw:
            return [Generate(id=step_id, prompt=str(raw["generation_prompt"]))]
        if "action" in raw:
            return steps.for_action(self.draft, str(raw["action"]), step_id, self.flow_id)
        return [Put(id=step_id, slots={})]

    def _collect(self, raw: dict[str, Any], step_id: str) -> Step:
        slot = str(raw["collect"])
        self.draft.content.slots.setdefault(slot, Slot(type="any"))
        asked = steps.ask(self.draft, slot, step_id, again=bool(raw.get("ask_before_filling")))
        if isinstance(raw.get("utter"), str):
            asked.response = steps.plain(self.draft, raw["utter"], "As a question")
        checks = []
        for each in map(mapping, items(raw.get("rejections"))):
            try:
                checks.append(predicates.read(str(each.get("if")), self.draft.types, negated=True))
            except Unsayable as problem:
                self._partly(f"A check of {slot} is not kept: {problem}.")
                continue
            refused = str(each.get("utter") or "")
            if len(checks) > 1 and refused != asked.refused:
                self._partly(f"Whatever is wrong with {slot}, the first refusal is said.")
            asked.refused = asked.refused or refused
        asked.check = Condition(all=checks) if len(checks) > 1 else (checks[0] if checks else None)
        asked.refused = "" if asked.refused == asked.response else asked.refused
        return asked

    def _call(self, raw: dict[str, Any], step_id: str) -> Step:
        target, ends = str(raw.get("link") or raw.get("call")), "end" if "link" in raw else ""
        if target in steps.HANDOVERS:
            return Handover(id=step_id, next=ends)
        if target in steps.SEARCHES:
            return Search(id=step_id, next=ends)
        if "mcp_server" in raw or "exit_if" in raw:
            self.draft.report.lost("call", target, CODE)
            return Put(id=step_id, slots={})
        return Call(id=step_id, flow=target, next=ends)

    def _choose(self, raw: list[Any], step_id: str) -> Step:
        choice = Choose(id=step_id, branches=[])
        for each in map(mapping, raw):
            goal = self._goal(each.get("else") if "else" in each else each.get("then"))
            if "else" in each:
                choice.next = goal
                continue
            try:
                when = predicates.read(str(each.get("if")), self.draft.types)
            except Unsayable as problem:
                self._partly(f"A branch of its step {step_id} is not kept: {problem}.")
                continue
            choice.branches.append(Branch(when=when, next=goal))
        return choice

    def _goal(self, raw: Any) -> str:
        if not isinstance(raw, list):
            return _target(raw)
        block = [mapping(each) for each in raw]
        if not block:
            return "end"
        self.later.append(block)
        return str(raw[0]["id"]) if isinstance(raw[0], dict) else "end"

    def _partly(self, why: str) -> None:
        self.draft.report.partly("flow", self.flow_id, why)


def _walk(raw: Any) -> list[dict[str, Any]]:
    """Every step, nested ones too, as the objects that they are."""
    found: list[dict[str, Any]] = []
    waiting = [raw]
    while waiting:
        for each in items(waiting.pop()):
            if isinstance(each, dict):
                found.append(each)
                waiting += [
                    branch[key]
                    for branch in map(mapping, items(each.get("next")))
                    for key in ("then", "else")
                    if key in branch
                ]
    return found


def _settled(out: list[Step], ends: set[int]) -> list[Step]:
    """Say `end` where a branch ends before another begins, and nothing where a step goes on to its neighbour."""
    for index, step in enumerate(out):
        following = out[index + 1].id if index + 1 < len(out) else "end"
        if step.next == following and not (following == "end" and not isinstance(step, Choose)):
            step.next = ""
        elif index in ends and not step.next and index + 1 < len(out):
            step.next = "end"
    return out


def _target(raw: Any) -> str:
    return "end" if raw is None or str(raw) == "END" else str(raw)


def _pairs(raw: Any) -> list[tuple[str, Any]]:
    sources = raw if isinstance(raw, list) else [raw]
    return [pair for each in sources for pair in mapping(each).items()]
