"""One step of a conversation: what happened, in; what the chatbot does about it, out. Pure, so it can be replayed."""

from datetime import datetime

from botyard.features.chatbots.content import Button
from botyard.features.chatbots.runtime import flows, guard, ladder, people, understand
from botyard.features.chatbots.runtime.commands import (
    Answer,
    CancelFlow,
    ChitChat,
    Clarify,
    Command,
    CorrectSlot,
    Decide,
    Handover,
    Knowledge,
    Nothing,
    Respond,
    Restart,
    SetSlots,
    Skip,
    StartFlow,
)
from botyard.features.chatbots.runtime.ports import Understanding
from botyard.features.chatbots.runtime.turn import Turn
from botyard.features.chatbots.runtime.types import (
    CommandsMade,
    Incoming,
    KnowledgeFound,
    ModelSaid,
    Outcome,
    Pending,
    Returned,
    Started,
    State,
    UserEvent,
)
from botyard.features.chatbots.runtime.version import Version


def step(
    version: Version, state: State, event: Incoming, understanding: Understanding | None, now: datetime
) -> Outcome:
    """What comes of an event. `state` stays as it is; the same arguments always give the same outcome."""
    turn = Turn(version, state, now)
    match event:
        case UserEvent():
            _hear(turn, event, understanding)
        case Started():
            _begin(turn)
        case Returned():
            _return(turn)
        case KnowledgeFound() | ModelSaid() | CommandsMade():
            _go_on(turn, event)
    return Outcome(turn.events, turn.state)


def wants_understanding(version: Version, state: State, event: UserEvent) -> bool:
    """Whether the NLU is to be asked about a message: not where nobody would look at what it says."""
    quiet = state.held or state.status in ("attended", "closed")
    chosen = event.choice is not None and 0 <= event.choice < len(state.offered)
    means = chosen and event.choice is not None and _means(state.offered[event.choice])
    return version.type != "rule" and version.nlu is not None and not quiet and not means


def spoken(state: State, event: UserEvent) -> str:
    """The text of a message as it is read; of a button without a meaning of its own, its title."""
    if event.choice is not None and 0 <= event.choice < len(state.offered):
        return state.offered[event.choice].title
    return guard.clean(event.text)


def _means(button: Button) -> bool:
    return bool(button.intent or button.flow or button.slots)


def _begin(turn: Turn) -> None:
    _initial(turn)
    greeting = turn.content.settings.greeting
    if greeting:
        turn.say(greeting, source="greeting")


def _initial(turn: Turn) -> None:
    for name, slot in turn.content.slots.items():
        if slot.initial is not None:
            turn.set(name, slot.initial)


def _return(turn: Turn) -> None:
    turn.drop_flows()
    turn.state.status, turn.state.held, turn.state.misses = "open", False, 0
    turn.note("The conversation was given back to the chatbot.")


def _hear(turn: Turn, event: UserEvent, understanding: Understanding | None) -> None:
    state = turn.state
    state.turn += 1
    if event.language:
        state.language = event.language[:16]
    if state.pending is not None:
        state.pending = None
        turn.note("The answer to the message before was never made.")
        turn.say("", instead="lost", source="fallback")
    offered, clarified = state.offered, state.clarified
    turn.text = guard.clean(event.text)
    if _keeps_quiet(turn):
        return
    state.offered = []
    if why := guard.objection(turn.content, turn.text):
        turn.note(f"The message was refused: {why}.")
        refusal = turn.content.settings.guard.refusal if why == "blocked" else ""
        turn.say(refusal, instead="refusal" if why == "blocked" else why, source="guard")
        return
    reading = understand.read(turn, offered, event.choice, understanding)
    state.clarified, state.unanswered = False, reading.unanswered
    turn.events.append(reading.event())
    if reading.unsure:
        turn.miss("unsure")
    if clarified and reading.how == "nothing":
        turn.note("It was asked what is meant, and the answer said it no better.")
    _obey(turn, reading.commands)
    if state.stack and state.asked is None and state.pending is None and not state.held:
        flows.proceed(turn)  # what stood still since an answer from outside was lost


def _keeps_quiet(turn: Turn) -> bool:
    """While a person attends, or is there and called, the chatbot says nothing, but that the call was heard."""
    state = turn.state
    if state.status in ("attended", "closed"):
        turn.note(f"The conversation is {state.status}; the chatbot keeps quiet.")
        return True
    if not state.held:
        return False
    if people.wanted(turn, turn.text):
        people.call(turn, "asked")
    else:
        turn.note("A person was called; the chatbot keeps quiet.")
    return True


def _go_on(turn: Turn, event: KnowledgeFound | ModelSaid | CommandsMade) -> None:
    """What was looked for outside is there; it counts only while the conversation waits for it."""
    pending, turn.state.pending = turn.state.pending, None
    if pending is None or turn.state.held or turn.state.status in ("attended", "closed"):
        turn.note("An answer came when nobody waited for it any more.")
        return
    turn.text = pending.question
    match event:
        case CommandsMade():
            _read_by_model(turn, event)
        case KnowledgeFound() if pending.in_flow:
            _said_in_flow(turn, event, pending)
        case KnowledgeFound():
            ladder.found(turn, event, pending.question)
        case ModelSaid() if pending.in_flow:
            _said_in_flow(turn, event, pending)
        case ModelSaid():
            ladder.talked(turn, event, pending.question)


def _said_in_flow(turn: Turn, event: KnowledgeFound | ModelSaid, pending: Pending) -> None:
    if isinstance(event, ModelSaid) and event.action == "handover":
        turn.note("The flow's own step can only talk; the call for a person was passed over.")
    if not event.text or not turn.tell(event.text, source=pending.what, citations=event.citations):
        turn.note(event.note or "Nothing was found.")
        turn.say("", instead="no_answer", source=pending.what)
    flows.proceed(turn)


def _read_by_model(turn: Turn, event: CommandsMade) -> None:
    for note in event.notes:
        turn.note(note)
    if not event.commands or all(isinstance(command, Nothing) for command in event.commands):
        ladder.descend(turn, below="commands")
        return
    turn.events.append(understand.Reading(how="model", commands=event.commands).event())
    _obey(turn, event.commands)


def _obey(turn: Turn, commands: list[Command]) -> None:
    """Carry the commands out in their order; one that calls for something from outside ends it."""
    for command in commands:
        if turn.state.pending is not None or turn.state.held:
            return
        _carry_out(turn, command)
    asked = turn.state.asked
    if commands and isinstance(commands[-1], SetSlots) and asked is not None:
        if asked.kind == "slot" and turn.state.slots.get(asked.slot) is not None:
            flows.answered(turn)
        else:
            flows.proceed(turn)


def _carry_out(turn: Turn, command: Command) -> None:
    match command:
        case SetSlots(slots=slots):
            for name, value in slots.items():
                turn.set(name, value)
        case CorrectSlot(slot=slot, value=value):
            turn.set(slot, value)
            flows.proceed(turn)
        case StartFlow(flow=flow):
            turn.state.misses = 0
            if not flows.start(turn, flow):
                ladder.descend(turn)
        case Answer() | Respond():
            _respond(turn, command)
        case Decide(yes=yes):
            flows.decided(turn, yes)
        case Skip():
            flows.skipped(turn)
        case Clarify(intents=intents):
            _clarify(turn, intents)
        case Handover(reason=reason):
            people.call(turn, reason or "model")
        case CancelFlow():
            turn.drop_flows()
            turn.say("", instead="cancelled")
        case Restart():
            _restart(turn)
        case Knowledge() | Nothing():
            ladder.descend(turn)
        case ChitChat():
            ladder.descend(turn, below="knowledge")


def _respond(turn: Turn, command: Answer | Respond) -> None:
    if isinstance(command, Respond):
        name, source = command.response, "rule"
    else:
        intent = turn.content.intents.get(command.intent)
        name, source = intent.response if intent else "", "intent"
    if not turn.say(name, source=source):
        ladder.descend(turn)
        return
    turn.state.misses = 0
    if turn.state.stack:
        flows.proceed(turn)  # what was asked before is asked again


def _clarify(turn: Turn, intents: list[str]) -> None:
    buttons = [Button(title=_title(turn, name), intent=name) for name in intents[:3]]
    turn.state.clarified = turn.say("", instead="clarify", source="clarify", buttons=buttons)


def _title(turn: Turn, intent: str) -> str:
    known = turn.content.intents.get(intent)
    written = known.title if known and known.title else intent.replace("_", " ").replace("-", " ").strip()
    return (written[:1].upper() + written[1:])[:200] or intent


def _restart(turn: Turn) -> None:
    turn.drop_flows()
    turn.state.slots, turn.state.filled, turn.state.misses = {}, [], 0
    _initial(turn)
    turn.say(turn.content.settings.greeting, instead="restarted", source="greeting")
