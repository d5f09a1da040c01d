"""From a message to commands: by the button chosen, a rule, the open question, what was trained.

A typed text is only ever text. It chooses no button, names no flow and carries no command, whatever it looks like.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from msgspec import Struct, field

from botyard.features.chatbots.content import Button, Slot
from botyard.features.chatbots.runtime import flows, people, values, words
from botyard.features.chatbots.runtime.commands import (
    Answer,
    CancelFlow,
    Clarify,
    Command,
    CorrectSlot,
    Decide,
    Handover,
    Nothing,
    Respond,
    Restart,
    SetSlots,
    Skip,
    StartFlow,
)
from botyard.features.chatbots.runtime.ports import Entity, Understanding
from botyard.features.chatbots.runtime.turn import Turn
from botyard.features.chatbots.runtime.types import Understood

_INTERRUPTS = 0.6  # how sure an intent must be to be no answer to an open question that takes any text
_CANDIDATES = 5
_MAX_CLOSED = 20  # flows that fit but may not start, until the others are not asked any more


class Reading(Struct):
    """How a message was read."""

    how: str = "nothing"
    commands: list[Command] = field(default_factory=list)
    intent: str = ""
    confidence: float = 0.0
    margin: float = 0.0
    out_of_scope: bool = False
    candidates: list[tuple[str, float]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    unsure: bool = False  # it could be one of two
    plausible: bool = False  # out of scope, but not by far
    unanswered: str = ""  # the intent that was understood, and that nothing is written for
    found: dict[str, Any] = field(default_factory=dict)  # slots that its entities fill
    looked: bool = False  # whether anybody looked for entities

    def event(self) -> Understood:
        """What is kept of it."""
        return Understood(
            how=self.how,
            commands=self.commands,
            intent=self.intent,
            confidence=self.confidence,
            margin=self.margin,
            out_of_scope=self.out_of_scope,
            candidates=self.candidates,
            entities=self.entities,
        )

    def by(self, how: str, *commands: Command) -> "Reading":
        """The same with what it leads to; slots that were understood beside it are filled first."""
        told = {name for one in commands if isinstance(one, SetSlots) for name in one.slots}
        told |= {one.slot for one in commands if isinstance(one, CorrectSlot)}
        beside = {name: value for name, value in self.found.items() if name not in told}
        self.how = how
        self.commands = [SetSlots(slots=beside), *commands] if beside else list(commands)
        return self


def read(
    turn: Turn, offered: Sequence[Button], choice: int | None, understanding: Understanding | None
) -> Reading:
    """What the message in `turn.text`, or the button, asks for. It is read in this order:

    the button, the wish for a person, a rule, a way out of the flow, the open question, the intent.
    """
    if choice is not None and 0 <= choice < len(offered):
        return _chosen(turn, offered[choice], understanding)
    return _spoken(turn, understanding)


def _spoken(turn: Turn, understanding: Understanding | None) -> Reading:
    reading = _of(turn, understanding)
    if people.wanted(turn, turn.text):
        return reading.by("words", Handover(reason="asked"))
    if ruled := _rule(turn):
        return reading.by("rule", ruled)
    if words.restarts(turn.text):
        return reading.by("words", Restart())
    if turn.state.stack and words.cancels(turn.text):
        return reading.by("words", CancelFlow())
    if (meant := _correction(turn, reading)) is not None:
        return reading.by("correction", meant)
    if turn.state.asked is not None and (given := _given(turn, reading)) is not None:
        reading.found = _beside(turn, reading)
        return reading.by("answer", *given) if given else reading.by("nothing", Nothing())
    return _intended(turn, reading)


def _chosen(turn: Turn, button: Button, understanding: Understanding | None) -> Reading:
    """The meaning of a button: its slots, then its flow or intent; without either, its title is what was said."""
    reading = Reading(how="button", intent=button.intent)
    commands: list[Command] = []
    if known := {name: value for name, value in button.slots.items() if name in turn.content.slots}:
        commands.append(SetSlots(slots=known))
    if button.flow:
        commands.append(StartFlow(flow=button.flow))
    elif button.intent:
        reading.confidence = 1.0
        commands.append(_command(turn, button.intent) or Answer(intent=button.intent))
    if commands:
        return reading.by("button", *commands)
    turn.text = button.title
    return _spoken(turn, understanding)


def _of(turn: Turn, understanding: Understanding | None) -> Reading:
    """The figures of the NLU, kept for the trace, and the slots that entities fill."""
    if understanding is None:
        return Reading()
    reading = Reading(out_of_scope=understanding.out_of_scope, plausible=understanding.plausible, looked=True)
    best = understanding.intents[0] if understanding.intents else None
    if best is not None:
        reading.intent = best.name
        reading.confidence, reading.margin = float(best.confidence), float(best.margin)
    reading.candidates = [(one.name, float(one.confidence)) for one in understanding.intents[:_CANDIDATES]]
    reading.entities = [
        {"entity": one.entity, "value": values.storable(one.value), "text": one.text, "start": one.start,
         "end": one.end, "role": one.role}
        for one in understanding.entities[:50]
    ]  # fmt: skip
    reading.found = _found(turn, understanding.entities)
    return reading


def _found(turn: Turn, entities: Sequence[Entity]) -> dict[str, Any]:
    """Slots that entities fill; of several of one entity the first, unless the slot is a list."""
    found: dict[str, Any] = {}
    for name, slot in turn.content.slots.items():
        fit = [
            one.value
            for one in entities
            if slot.entity and slot.entity in (one.entity, f"{one.entity}:{one.role}")
        ]
        if fit:
            value = values.fitting(slot, fit if slot.type == "list" else fit[0], turn.language)
            if not isinstance(value, values.Missing):
                found[name] = value
    return found


def _beside(turn: Turn, reading: Reading) -> dict[str, Any]:
    """What an answer fills beside the slot that was asked for: nothing that is known, and its value in no other slot.

    Who says "4" to "How many guests?" has not said how many children, and "at 3 pm" is no other day.
    """
    asked = turn.state.asked.slot if turn.state.asked else ""
    slot = turn.content.slots.get(asked) or Slot()
    return {
        name: value
        for name, value in reading.found.items()
        if name not in turn.state.filled
        and (turn.content.slots[name].entity != slot.entity or value != reading.found.get(asked))
    }


def _rule(turn: Turn) -> Command | None:
    """The first rule that fits. While any text is an answer, single words in it are no rule's business."""
    said = words.plain(turn.text)
    asked = _asked_slot(turn)
    phrases_only = asked is not None and not values.is_strict(asked)
    fitting = (plain.rule for plain in turn.version.rules if plain.fits(said, phrases_only=phrases_only))
    for rule in islice(fitting, _MAX_CLOSED):
        if rule.flow and flows.may_start(turn, rule.flow):
            return StartFlow(flow=rule.flow)
        if rule.response:
            return Respond(response=rule.response)
    return None


def _asked_slot(turn: Turn) -> Slot | None:
    asked = turn.state.asked
    return turn.content.slots.get(asked.slot) if asked is not None and asked.kind == "slot" else None


def _correction(turn: Turn, reading: Reading) -> Command | None:
    """Another value for a slot that the running flows have filled, said with words such as "I meant" or without."""
    if not turn.state.stack:
        return None
    asked = turn.state.asked.slot if turn.state.asked else ""
    mine = flows.slots_of(turn)
    filled = [name for name in reversed(turn.state.filled) if name in mine and name != asked]
    open_slot = turn.content.slots.get(asked)
    # What a question that takes any text is answered with is that answer, also where it holds a date or a number.
    takes_any = open_slot is not None and not open_slot.entity and not values.is_strict(open_slot)
    hinted = words.corrects(turn.text)
    for name in filled:
        entity = turn.content.slots[name].entity
        fits = hinted or (not takes_any and (open_slot is None or entity != open_slot.entity))
        if fits and name in reading.found and reading.found[name] != turn.state.slots.get(name):
            return CorrectSlot(slot=name, value=reading.found[name])
    meant = words.corrected(turn.text)
    if meant is None or not filled:
        return None
    if reading.looked and values.has_form(turn.content.slots[filled[0]], turn.content):
        return None
    return _last_corrected(turn, filled[0], meant)


def _last_corrected(turn: Turn, name: str, meant: str) -> Command | None:
    slot = turn.content.slots[name]
    value = values.spoken(slot, meant, turn.language)
    if isinstance(value, values.Missing) or value == turn.state.slots.get(name):
        return None
    return CorrectSlot(slot=name, value=value)


def _given(turn: Turn, reading: Reading) -> list[Command] | None:
    """The answer to the open question; none where it has not the form that is asked for, None where the message
    may mean something else."""
    asked = turn.state.asked
    if asked is None:
        return None
    if asked.kind == "confirm":
        yes = words.decision(turn.text)
        return None if yes is None else [Decide(yes=yes)]
    if flows.may_skip(turn) and words.skips(turn.text):
        return [Skip()]
    slot = turn.content.slots.get(asked.slot) or Slot()
    if asked.slot in reading.found:
        return [SetSlots(slots={asked.slot: reading.found[asked.slot]})]
    if not values.is_strict(slot) and _interrupts(turn, reading):
        return None
    if reading.looked and values.has_form(slot, turn.content):
        return []
    value = values.spoken(slot, turn.text, turn.language)
    if isinstance(value, values.Missing):
        return None
    return [SetSlots(slots={asked.slot: value})]


def _interrupts(turn: Turn, reading: Reading) -> bool:
    """Whether the message surely means something else than an answer."""
    sure = not reading.out_of_scope and reading.confidence >= _INTERRUPTS and not _is_close(turn, reading)
    running = {frame.flow for frame in turn.state.stack}
    command = _command(turn, reading.intent) if sure else None
    return command is not None and not (isinstance(command, StartFlow) and command.flow in running)


def _is_close(turn: Turn, reading: Reading) -> bool:
    two = reading.candidates[:2]
    return len(two) == 2 and two[0][1] - two[1][1] < turn.content.settings.clarify_margin


def _intended(turn: Turn, reading: Reading) -> Reading:
    """What the intent leads to; nothing where it is out of scope or leads nowhere."""
    if not reading.intent or (reading.out_of_scope and not reading.plausible):
        return reading.by("nothing", Nothing())
    both = [name for name, _ in reading.candidates[:2] if _command(turn, name) is not None]
    asks = bool(both) if reading.out_of_scope else len(both) == 2 and _is_close(turn, reading)
    if asks and not turn.state.clarified:
        reading.unsure = True
        return reading.by("nlu", Clarify(intents=both))
    command = None if reading.out_of_scope else _command(turn, reading.intent)
    if command is None:
        reading.unanswered = "" if reading.out_of_scope else reading.intent
        return reading.by("nothing", Nothing())
    return reading.by("nlu", command)


def _command(turn: Turn, intent: str) -> Command | None:
    """What an intent leads to; None where nothing is written for it."""
    if intent in turn.content.settings.handover.intents:
        return Handover(reason=f"intent:{intent}")
    for flow_id in turn.version.flows_of_intents.get(intent, ())[:_MAX_CLOSED]:
        if flows.may_start(turn, flow_id):
            return StartFlow(flow=flow_id)
    known = turn.content.intents.get(intent)
    return Answer(intent=intent) if known is not None and known.response else None
