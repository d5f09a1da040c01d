"""What is wrong with flows: steps that lead nowhere, that nothing leads to, that go round without end."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from botyard.features.chatbots.content import (
    Ask,
    Call,
    Choose,
    Condition,
    Confirm,
    Content,
    Flow,
    Generate,
    Handover,
    Put,
    Say,
    Search,
    Step,
)
from botyard.features.chatbots.flow_graph import END, call_circles, edges, reached, restless

Part = Literal["flows", "responses", "rules", "intents", "slots", "entities", "settings"]
_PLACES = {
    "flows": "Flow",
    "responses": "Response",
    "rules": "Rule",
    "intents": "Intent",
    "slots": "Slot",
    "entities": "Entity",
    "settings": "Settings",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to look at, and where: the part of the content, the name of the thing in it, the step of a flow.

    Rules are named by their number, from 0.
    """

    tone: Literal["bad", "warn"]
    kind: str
    text: str
    part: str
    name: str = ""
    step: str = ""

    @property
    def where(self) -> str:
        """The place in words, such as `Rule 1` or `Flow order, step ask`."""
        name = str(int(self.name) + 1) if self.part == "rules" and self.name.isdecimal() else self.name
        place = f"{_PLACES[self.part]} {name}".rstrip()
        return f"{place}, step {self.step}" if self.step else place


@dataclass(frozen=True, slots=True)
class Names:
    """What the content has, and which of its responses are said somewhere."""

    responses: frozenset[str]
    flows: frozenset[str]
    slots: frozenset[str]
    used: frozenset[str]

    @classmethod
    def of(cls, content: Content) -> "Names":
        """Those of a content."""
        return cls(
            frozenset(content.responses),
            frozenset(flow.id for flow in content.flows),
            frozenset(content.slots),
            frozenset(_said(content)),
        )

    def no_response(self, response: str, part: str, name: str, step: str = "") -> Problem:
        """That a response does not exist."""
        text = f"It says the response {response}, which does not exist."
        return Problem("bad", "unknown_response", text, part, name, step)

    def no_flow(self, flow: str, part: str, name: str, step: str = "") -> Problem:
        """That a flow does not exist."""
        text = f"It leads to the flow {flow}, which does not exist."
        return Problem("bad", "unknown_flow", text, part, name, step)


def responses_of(step: Step) -> list[str]:
    """Responses that a step says."""
    match step:
        case Say() | Confirm():
            return [step.response]
        case Ask():
            return [step.response, *([step.refused] if step.refused else [])]
    return []


def _said(content: Content) -> Iterator[str]:
    for flow in content.flows:
        for step in flow.steps:
            yield from responses_of(step)
    yield from (rule.response for rule in content.rules)
    yield from (intent.response for intent in content.intents.values())
    settings = content.settings
    yield from (settings.greeting, settings.fallback, settings.guard.refusal)
    yield from (settings.handover.queued, settings.handover.closed)


def check(content: Content, names: Names, *, type: str, documents: bool | None) -> Iterator[Problem]:  # noqa: A002
    """Look through every flow."""
    counted = Counter(flow.id for flow in content.flows)
    for flow_id, times in counted.items():
        if times > 1:
            text = f"{times} flows have this name; only the last one runs."
            yield Problem("bad", "same_flow", text, "flows", flow_id)
    started = _started(content)
    for flow in content.flows:
        if flow.id not in started and not flow.intents:
            text = "Nothing starts it: no intent, rule, button or other flow."
            yield Problem("warn", "never_starts", text, "flows", flow.id)
        yield from _shape(flow)
        for slot in _asked_of(flow.when):
            if slot not in names.slots:
                yield Problem(
                    "bad",
                    "unknown_slot",
                    f"Its condition asks for {slot}, which is no slot.",
                    "flows",
                    flow.id,
                )
        for step in flow.steps:
            yield from _step(flow, step, content, names)
            yield from _unable(flow, step, content, type, documents)
    yield from _calls(content)


def _started(content: Content) -> set[str]:
    found = {rule.flow for rule in content.rules}
    found |= {step.flow for flow in content.flows for step in flow.steps if isinstance(step, Call)}
    wordings = [reply for replies in content.responses.values() for reply in replies]
    return found | {button.flow for reply in wordings for button in reply.buttons}


def _shape(flow: Flow) -> Iterator[Problem]:
    if not flow.steps:
        yield Problem("bad", "empty_flow", "It has no steps, so it does nothing.", "flows", flow.id)
    for step_id, times in Counter(step.id for step in flow.steps).items():
        if times > 1:
            text = f"{times} steps are called {step_id}; ways lead to the first one only."
            yield Problem("bad", "same_step", text, "flows", flow.id, step_id)
        if step_id == END:
            text = "A step cannot be called end: ways that lead there end the flow."
            yield Problem("bad", "step_called_end", text, "flows", flow.id, step_id)
    there = reached(flow)
    known = {step.id for step in flow.steps}
    for step in flow.steps:
        if step.id not in there:
            yield Problem("warn", "unreachable_step", "No way leads to this step.", "flows", flow.id, step.id)
    for source, ways in edges(flow).items():
        for target in dict.fromkeys(edge.target for edge in ways):
            if target != END and target not in known:
                text = f"It leads to the step {target}, which does not exist, so the flow ends there."
                yield Problem("bad", "unknown_step", text, "flows", flow.id, source)
    for circle in restless(flow):
        text = f"It goes round without asking anything: {', '.join(circle)}."
        yield Problem("warn", "loop", text, "flows", flow.id, circle[0])


def _step(flow: Flow, step: Step, content: Content, names: Names) -> Iterator[Problem]:
    where = "flows", flow.id, step.id
    for response in responses_of(step):
        if response not in names.responses:
            yield names.no_response(response, *where)
    for slot in dict.fromkeys(_slots_of(step)):
        if slot not in names.slots:
            yield Problem("bad", "unknown_slot", f"It uses {slot}, which is no slot.", *where)
    match step:
        case Choose():
            if not step.branches:
                yield Problem("warn", "no_branches", "It chooses between nothing.", *where)
            if any(_is_empty(branch.when) for branch in step.branches):
                yield Problem("bad", "empty_condition", "A branch does not say when it is taken.", *where)
        case Call(flow=called) if called not in names.flows:
            yield names.no_flow(called, *where)
        case Ask(check=condition) if condition is not None and step.slot not in _asked_of(condition):
            text = f"Its check does not look at {step.slot}, which it asks for."
            yield Problem("warn", "check_elsewhere", text, *where)


def _unable(
    flow: Flow, step: Step, content: Content, type_: str, documents: bool | None
) -> Iterator[Problem]:
    """Steps that cannot do what they are for, as the chatbot is set up."""
    where = "flows", flow.id, step.id
    match step:
        case Handover() if not content.settings.handover.enabled:
            yield Problem("bad", "nobody_there", "Handing over to people is switched off.", *where)
        case Generate() if type_ == "rule" or not content.settings.model.provider:
            text = "No language model is set up, so this step is passed over."
            yield Problem("bad", "no_model", text, *where)
        case Search() if documents is False:
            text = "There are no documents to search in yet."
            yield Problem("warn", "no_documents", text, *where)


def _calls(content: Content) -> Iterator[Problem]:
    calls = {flow.id: [step.flow for step in flow.steps if isinstance(step, Call)] for flow in content.flows}
    for circle in call_circles(calls):
        others = ", ".join(circle)
        text = f"It comes round to itself by calling: {others}." if len(circle) > 1 else "It calls itself."
        yield Problem("warn", "calls_itself", text, "flows", circle[0])


def _slots_of(step: Step) -> Iterator[str]:
    match step:
        case Ask():
            yield step.slot
            yield from _asked_of(step.check)
        case Put():
            yield from step.slots
        case Search():
            yield from [step.slot] if step.slot else []
        case Choose():
            for branch in step.branches:
                yield from _asked_of(branch.when)


def _asked_of(condition: Condition | None) -> Iterator[str]:
    if condition is None:
        return
    if condition.slot:
        yield condition.slot
    for one in (*condition.all, *condition.any):
        yield from _asked_of(one)


def _is_empty(condition: Condition) -> bool:
    return not (condition.slot or condition.all or condition.any)
