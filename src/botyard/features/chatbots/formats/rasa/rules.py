"""Rules and stories: what is answered to an intent, as responses of intents and as flows.

A rule of one intent and one response becomes the response of that intent; a longer one a flow; a form a flow that
asks for its slots. Stories are put together to a tree; a question answered with yes or no becomes a step of its own,
and every other turn answers its intent whenever that is said, because a flow does not know what was said before.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botyard.features.chatbots.content import Call, Condition, Confirm, Flow, Intent, Step
from botyard.features.chatbots.formats.rasa import steps
from botyard.features.chatbots.formats.rasa.draft import Draft
from botyard.features.chatbots.formats.reading import items, mapping

YES = {"affirm", "yes", "confirm", "agree", "accept", "ok"}
NO = {"deny", "no", "reject", "disagree", "decline", "cancel"}
FALLBACK = "nlu_fallback"
_CHECKPOINT = "It goes on from other stories (`checkpoint`); write it as a flow."
_LOOP = "What is said between the questions of a form cannot be told apart; the flow of the form goes on by itself."
_SPOKEN = "It is told in words instead of intents (`user`)."
_OTHERWISE = (
    "The same intent is answered otherwise elsewhere, and a flow does not know what was said before; "
    "tell both apart by a slot."
)
_ANY_TIME = "What it answers later in a conversation is answered whenever its intent is said."


@dataclass
class _Turn:
    """What the user meant, and what the chatbot does then."""

    intents: tuple[str, ...]
    does: tuple[str, ...] = ()


@dataclass
class _Node:
    """A place in the tree of stories."""

    turn: _Turn
    names: list[str] = field(default_factory=list)
    then: list["_Node"] = field(default_factory=list)


class _Unfit(Exception):
    """A rule or story that does not fit; the text says why."""


def read(draft: Draft, rules: Iterable[Any], stories: Iterable[Any]) -> None:
    """Take in all rules, then all stories: rules win."""
    _read_forms(draft)
    for raw in map(mapping, rules):
        try:
            _rule(draft, raw)
        except _Unfit as problem:
            draft.report.lost("rule", str(raw.get("rule", "without name")), str(problem))
    _stories(draft, stories)


def _read_forms(draft: Draft) -> None:
    for name, slots in draft.forms.items():
        flow = draft.flow(name)
        if flow is not None:
            continue
        asked: list[Step] = [steps.ask(draft, slot, f"ask_{slot}", name) for slot in slots]
        draft.content.flows.append(Flow(id=name, steps=asked))
        if not slots:
            why = "Its slots are named by code of the Rasa project; add a step for each."
            draft.report.partly("form", name, why)


def _rule(draft: Draft, raw: dict[str, Any]) -> None:
    name = str(raw.get("rule", "without name"))
    told = [mapping(each) for each in items(raw.get("steps")) if each != "..."]
    conditions = [mapping(each) for each in items(raw.get("condition"))]
    loops = [str(each["active_loop"]) for each in conditions if each.get("active_loop")]
    turns = _turns(draft, name, told, loop=bool(loops))
    if loops and not turns[0].intents:
        _after_form(draft, loops[0], turns[0])
        return
    if loops:
        raise _Unfit(_LOOP)
    if len(turns) > 1:
        raise _Unfit("It spans several turns; write it as a flow.")
    if not turns[0].intents:
        raise _Unfit("It begins with no intent.")
    for key in sorted(raw.keys() - {"rule", "steps", "condition"}):
        draft.report.partly("rule", name, f"Its setting `{key}` is not kept.")
    _answer(draft, name, turns[0], [], when=_condition(draft, name, conditions))


def _after_form(draft: Draft, form: str, turn: _Turn) -> None:
    """What a rule does once a form is complete goes to the end of the form's flow."""
    flow = draft.flow(form)
    if flow is None:
        raise _Unfit(f"The project has no form {form}.")
    flow.steps += _steps(
        draft, flow.id, [each for each in turn.does if each != form], {s.id for s in flow.steps}
    )


def _condition(draft: Draft, name: str, conditions: list[dict[str, Any]]) -> Condition | None:
    tests = []
    for each in conditions:
        for slot, value in _slots_set(each):
            if slot == "requested_slot":
                continue
            equal = Condition(slot=slot, test="equals", value=value)
            tests.append(Condition(slot=slot, test="not_set") if value is None else equal)
    if len(tests) > 1:
        return Condition(all=tests)
    return tests[0] if tests else None


def _slots_set(step: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for each in items(step.get("slot_was_set")):
        found += mapping(each).items() if isinstance(each, dict) else [(str(each), True)]
    return found


def _turns(draft: Draft, name: str, told: list[dict[str, Any]], *, loop: bool = False) -> list[_Turn]:
    """The turns of a rule or story; a rule inside of a form may begin without an intent. Raises _Unfit."""
    turns: list[_Turn] = []
    does: list[str] = []
    active = ""
    for step in told:
        if "checkpoint" in step:
            raise _Unfit(_CHECKPOINT)
        if "user" in step:
            raise _Unfit(_SPOKEN)
        if "intent" in step or "or" in step:
            if active:
                raise _Unfit(_LOOP)
            does = []
            turns.append(_Turn(_intents(draft, name, step)))
        elif "active_loop" in step:
            active = str(step["active_loop"] or "")
        elif "action" in step or "bot" in step:
            does.append(str(step.get("action") or step["bot"]))
            if not turns:
                turns.append(_Turn(()))
            turns[-1].does = tuple(each for each in does if each not in steps.SILENT)
    if not turns or not any(turn.does for turn in turns):
        raise _Unfit("The chatbot does nothing in it.")
    return turns


def _intents(draft: Draft, name: str, step: dict[str, Any]) -> tuple[str, ...]:
    alternatives = [mapping(each) for each in items(step.get("or"))] or [step]
    if any("entities" in each for each in alternatives):
        draft.report.partly("rule or story", name, "It fits whatever entities come with its intent.")
    found = [str(each["intent"]) for each in alternatives if each.get("intent")]
    if not found:
        raise _Unfit(_SPOKEN)
    return tuple(found)


def _stories(draft: Draft, stories: Iterable[Any]) -> None:
    roots: list[_Node] = []
    for raw in map(mapping, stories):
        name = str(raw.get("story", "without name"))
        try:
            turns = _turns(draft, name, [mapping(each) for each in items(raw.get("steps"))])
        except _Unfit as problem:
            draft.report.lost("story", name, str(problem))
            continue
        if not turns[0].intents:
            draft.report.lost("story", name, "It begins with no intent.")
            continue
        _plant(roots, turns, name)
    _walk(draft, roots, first=True)


def _plant(roots: list[_Node], turns: list[_Turn], name: str) -> None:
    level = roots
    for turn in turns:
        node = next((each for each in level if each.turn == turn), None)
        if node is None:
            node = _Node(turn)
            level.append(node)
        node.names.append(name)
        level = node.then


def _walk(draft: Draft, nodes: list[_Node], *, first: bool) -> None:
    """Answer every turn of the tree, the early ones of all stories before the later ones."""
    deeper: list[_Node] = []
    for node in nodes:
        answers = _yes_and_no(node)
        if not first:
            draft.report.partly("story", node.names[0], _ANY_TIME)
        try:
            _answer(draft, node.names[0], node.turn, answers, when=None)
        except _Unfit as problem:
            draft.report.lost("story", node.names[0], str(problem))
        deeper += [each for each in node.then if each not in answers]
        deeper += [inner for each in answers for inner in each.then]
    if deeper:
        _walk(draft, deeper, first=False)


def _yes_and_no(node: _Node) -> list[_Node]:
    """The turns that answer the question that a turn ends with."""
    asks = bool(node.turn.does) and node.turn.does[-1].startswith("utter_")
    answers = [each for each in node.then if asks and _is(each, YES) != _is(each, NO)]
    yes, no = [e for e in answers if _is(e, YES)], [e for e in answers if _is(e, NO)]
    return [*yes[:1], *no[:1]]


def _is(node: _Node, words: set[str]) -> bool:
    return all(intent.lower() in words for intent in node.turn.intents)


def _answer(draft: Draft, name: str, turn: _Turn, answers: list[_Node], *, when: Condition | None) -> None:
    """Let an intent be answered as a turn says. Raises _Unfit where it is answered otherwise already."""
    does = list(turn.does)
    if turn.intents == (FALLBACK,):
        _fall_back(draft, does)
        return
    single = does[0] if len(does) == 1 and not answers and when is None else ""
    if single in draft.forms:
        flow = draft.flow(single)
        assert flow is not None
        _claim(draft, flow, turn.intents)
    elif single and steps.is_response(draft, single) and single not in draft.conditional:
        _respond(draft, turn.intents, single)
    else:
        flow = Flow(id=draft.free_flow_id(_slug(name)), when=when)
        flow.name = "" if name == flow.id else name[:200]
        flow.steps = _with_answers(draft, flow.id, does, answers)
        _claim(draft, flow, turn.intents)
        draft.content.flows.append(flow)


def _fall_back(draft: Draft, does: list[str]) -> None:
    said = [action for action in does if steps.is_response(draft, action)]
    if said and not draft.content.settings.fallback:
        draft.content.settings.fallback = said[0]
    for action in does:
        if action not in said[:1]:
            draft.report.lost("action", action, "A fallback says one response.")


def _respond(draft: Draft, intents: tuple[str, ...], response: str) -> None:
    steps.require(draft, response)
    for name in intents:
        intent = draft.content.intents.setdefault(name, Intent())
        started = [flow for flow in draft.content.flows if name in flow.intents]
        if started or intent.response not in ("", response):
            raise _Unfit(_OTHERWISE)
        intent.response = response


def _claim(draft: Draft, flow: Flow, intents: tuple[str, ...]) -> None:
    for name in intents:
        started = [each for each in draft.content.flows if name in each.intents and each is not flow]
        free_for_this = all(each.when is not None for each in started) or flow.when is not None
        answered = draft.content.intents.get(name, Intent()).response
        if not free_for_this or answered:
            raise _Unfit(_OTHERWISE)
        if name not in flow.intents:
            flow.intents.append(name)
        draft.content.intents.setdefault(name, Intent())


def _with_answers(draft: Draft, flow_id: str, does: list[str], answers: list[_Node]) -> list[Step]:
    """The steps of a turn; with answers, its last response asks a question, and they follow it."""
    taken: set[str] = {"end"}
    if not answers:
        return _steps(draft, flow_id, does, taken)
    out = _steps(draft, flow_id, does[:-1], taken)
    question = Confirm(
        id=steps.numbered(does[-1], taken),
        response=steps.plain(draft, does[-1], "As a question"),
        no="end",
    )
    yes = next((each for each in answers if _is(each, YES)), None)
    no = next((each for each in answers if _is(each, NO)), None)
    agreed = _steps(draft, flow_id, yes.turn.does, taken) if yes else []
    refused = _steps(draft, flow_id, no.turn.does, taken) if no else []
    if agreed:
        agreed[-1].next = agreed[-1].next or ("end" if refused else "")
    else:
        question.next = "end"
    question.no = refused[0].id if refused else "end"
    return [*out, question, *agreed, *refused]


def _steps(draft: Draft, flow_id: str, does: Iterable[str], taken: set[str]) -> list[Step]:
    out: list[Step] = []
    for action in does:
        step_id = steps.numbered(action, taken)
        if action in draft.forms:
            out.append(Call(id=step_id, flow=action))
        elif action in ("action_default_fallback", "action_restart", "action_session_start"):
            draft.report.lost("action", action, "Botyard does this by itself.")
        else:
            out += steps.for_action(draft, action, step_id, flow_id)
        taken |= {step.id for step in out}
    return out


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_").lower() or "flow"


def write(intents: dict[str, Intent], answered: dict[str, str]) -> list[dict[str, Any]]:
    """Rules that answer intents with their responses; `answered` names the responses as they are exported."""
    return [
        {
            "rule": f"answer {name}"[:200],
            "steps": [{"intent": name}, {"action": answered.get(intent.response, intent.response)}],
        }
        for name, intent in intents.items()
        if intent.response
    ]
