"""Carrying out flows, step by step, until one waits for the user or for something from outside.

Everything here ends: a turn has a budget of steps, flows call each other to a bounded depth, and the ends of
steps that lead nowhere end the flow.
"""

from botyard.features.chatbots.content import (
    Ask,
    Button,
    Call,
    Choose,
    Confirm,
    Flow,
    Generate,
    Handover,
    Put,
    Say,
    Search,
    Step,
    conditions_of,
)
from botyard.features.chatbots.runtime import people, values
from botyard.features.chatbots.runtime.conditions import holds
from botyard.features.chatbots.runtime.phrases import phrase
from botyard.features.chatbots.runtime.turn import Turn
from botyard.features.chatbots.runtime.types import (
    Asked,
    FlowEnded,
    FlowStarted,
    Frame,
    NeedsKnowledge,
    NeedsModel,
    Pending,
)

MAX_DEPTH = 8  # flows that wait for each other, called or interrupted
_CONDITIONS = 10  # so many cost as much as a step
_END = "end"


def may_start(turn: Turn, flow_id: str) -> bool:
    """Whether there is such a flow and its condition holds."""
    flow = turn.version.flows.get(flow_id)
    return flow is not None and holds(flow.when, turn.state.slots)


def start(turn: Turn, flow_id: str) -> bool:
    """Begin a flow on top of what runs; one that runs already is gone back to. False where it may not start."""
    if not may_start(turn, flow_id):
        turn.note(f"The flow {flow_id!r} cannot start now.")
        return False
    if any(frame.flow == flow_id for frame in turn.state.stack):
        while turn.state.stack[-1].flow != flow_id:
            turn.events.append(FlowEnded(turn.state.stack.pop().flow, cancelled=True))
    else:
        _push(turn, flow_id)
    turn.state.asked = None
    proceed(turn)
    return True


def proceed(turn: Turn) -> None:
    """Go on where the topmost flow stands, until something is waited for or nothing runs any more."""
    while turn.state.stack:
        turn.budget -= 1
        if turn.budget < 0:
            _overrun(turn)
            return
        frame = turn.state.stack[-1]
        flow = turn.version.flows.get(frame.flow)
        step = _at(flow, frame) if flow else None
        turn.budget -= conditions_of(step) // _CONDITIONS if step else 0
        if flow is None or step is None:
            _end(turn, known=flow is not None)
        elif not _perform(turn, flow, frame, step):
            return


def answered(turn: Turn) -> None:
    """The slot that was asked for is filled: check the answer and go on, or ask again."""
    asked, frame, flow, step = turn.state.asked, *_current(turn)
    if frame is None or flow is None or not isinstance(step, Ask) or asked is None or step.slot != asked.slot:
        turn.state.asked = None
        proceed(turn)
        return
    if not holds(step.check, turn.state.slots):
        turn.set(step.slot, None)
        refuse(turn)
        return
    turn.state.asked, turn.state.misses = None, 0
    _advance(flow, frame, step)
    proceed(turn)


def skipped(turn: Turn) -> None:
    """The question that is open stays without an answer, where it may."""
    frame, flow, step = _current(turn)
    if frame is not None and flow is not None and isinstance(step, Ask) and step.optional:
        turn.state.asked = None
        _advance(flow, frame, step)
    proceed(turn)


def decided(turn: Turn, yes: bool) -> None:
    """The yes-or-no question that is open was answered."""
    frame, flow, step = _current(turn)
    if frame is not None and flow is not None and isinstance(step, Confirm):
        turn.state.asked, turn.state.misses = None, 0
        _advance(flow, frame, step, to="" if yes else step.no)
    proceed(turn)


def refuse(turn: Turn) -> None:
    """Say that the answer does not fit and ask again; after too many, call a person."""
    _, _, step = _current(turn)
    turn.state.misses += 1
    if people.is_due(turn) and people.call(turn, "misses"):
        return
    if isinstance(step, Ask):
        turn.say(step.refused, instead=_expected(turn, step))
    else:
        turn.say("", instead="again")
    proceed(turn)


def _expected(turn: Turn, step: Ask) -> str:
    """The phrase that says which form an answer has, where it has one that everybody knows."""
    slot = turn.content.slots.get(step.slot)
    if slot is None or not values.has_form(slot, turn.content) or slot.entity in turn.content.entities:
        return "again"
    return f"no_{slot.entity.partition(':')[0]}"


def may_skip(turn: Turn) -> bool:
    """Whether the question that is open may stay without an answer."""
    _, _, step = _current(turn)
    return isinstance(step, Ask) and step.optional


def slots_of(turn: Turn) -> set[str]:
    """Slots that the running flows ask for."""
    flows = [turn.version.flows.get(frame.flow) for frame in turn.state.stack]
    return {step.slot for flow in flows if flow for step in flow.steps if isinstance(step, Ask)}


def _push(turn: Turn, flow_id: str) -> None:
    if len(turn.state.stack) >= MAX_DEPTH:
        left = turn.state.stack.pop(0)
        turn.note(f"Too many flows wait for each other; {left.flow!r} was left.")
        turn.events.append(FlowEnded(left.flow, cancelled=True))
    turn.state.stack.append(Frame(flow_id))
    turn.events.append(FlowStarted(flow_id))


def _current(turn: Turn) -> tuple[Frame | None, Flow | None, Step | None]:
    if not turn.state.stack:
        return None, None, None
    frame = turn.state.stack[-1]
    flow = turn.version.flows.get(frame.flow)
    return frame, flow, _at(flow, frame) if flow else None


def _at(flow: Flow, frame: Frame) -> Step | None:
    """The step that a frame stands at; None at the end."""
    if not frame.step:
        return flow.steps[0] if flow.steps else None
    return next((step for step in flow.steps if step.id == frame.step), None)


def _advance(flow: Flow, frame: Frame, step: Step, to: str = "") -> None:
    target = to or step.next
    if not target:
        place = next(at for at, one in enumerate(flow.steps) if one is step)
        target = flow.steps[place + 1].id if place + 1 < len(flow.steps) else _END
    frame.step = target


def _end(turn: Turn, *, known: bool) -> None:
    frame = turn.state.stack.pop()
    turn.state.asked = None
    if not known:
        turn.note(f"This version has no flow {frame.flow!r}; it was left.")
    turn.events.append(FlowEnded(frame.flow, cancelled=not known))


def _overrun(turn: Turn) -> None:
    turn.note("The flows took too many steps without asking anything; they were left.")
    turn.drop_flows()
    turn.miss("loop")
    turn.said = 0  # this one must be heard
    turn.tell(phrase("trouble", turn.language), source="fallback")


def _perform(turn: Turn, flow: Flow, frame: Frame, step: Step) -> bool:
    """Do what a step says and move on; False where it waits."""
    match step:
        case Ask():
            return _ask(turn, flow, frame, step)
        case Confirm():
            yes_no = [Button(title=phrase(word, turn.language)) for word in ("yes", "no")]
            turn.say(step.response, buttons=yes_no)
            turn.state.asked = Asked("confirm")
            return False
        case Choose():
            to = next((one.next for one in step.branches if holds(one.when, turn.state.slots)), "")
            _advance(flow, frame, step, to)
            return True
    _advance(flow, frame, step)
    match step:
        case Say():
            turn.say(step.response)
        case Put():
            for name, value in step.slots.items():
                turn.set(name, value)
        case Call():
            _call(turn, step)
        case Handover():
            people.call(turn, step.reason or "flow")
            return not turn.state.held
        case Search():
            return _search(turn, step)
        case Generate():
            return _generate(turn, step)
    return True


def _ask(turn: Turn, flow: Flow, frame: Frame, step: Ask) -> bool:
    if turn.state.slots.get(step.slot) is not None and not step.again:
        if holds(step.check, turn.state.slots):
            _advance(flow, frame, step)
            return True
        turn.say(step.refused, instead="again")
    turn.set(step.slot, None)
    if not turn.say(step.response):
        turn.tell(f"{step.slot}?", source="flow")  # a question must be heard, or nobody can answer it
    turn.state.asked = Asked("slot", step.slot)
    return False


def _call(turn: Turn, step: Call) -> None:
    if len(turn.state.stack) >= MAX_DEPTH or step.flow not in turn.version.flows:
        turn.note(f"The flow {step.flow!r} cannot be called here.")
        return
    _push(turn, step.flow)


def _search(turn: Turn, step: Search) -> bool:
    value = turn.state.slots.get(step.slot) if step.slot else None
    question = str(value or turn.text)
    if not turn.version.knowledge or not question:
        turn.say("", instead="no_answer")
        return True
    turn.state.pending = Pending("knowledge", question, in_flow=True)
    turn.events.append(NeedsKnowledge(question))
    return False


def _generate(turn: Turn, step: Generate) -> bool:
    if not turn.version.model_talks:
        turn.note("No language model is set up; the step was passed over.")
        return True
    turn.state.pending = Pending("model", turn.text, prompt=step.prompt, in_flow=True)
    turn.events.append(NeedsModel(turn.text, step.prompt))
    return False
