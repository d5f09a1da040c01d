"""What a message can make a chatbot do: this list and nothing else, whoever reads the message.

Training, rules, buttons and language models all end in these commands, which flows carry out. What is not
on the list cannot be asked for, however a text or a document words it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from botyard.features.chatbots.runtime.version import Version

MAX_COMMANDS = 10  # of one message


class _Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="do"):
    pass


class StartFlow(_Command, frozen=True, tag="start_flow"):
    """Begin a flow; one that runs waits below it and goes on afterwards."""

    flow: str


class SetSlots(_Command, frozen=True, tag="set_slots"):
    """Fill slots with what was said."""

    slots: dict[str, Any]


class CorrectSlot(_Command, frozen=True, tag="correct_slot"):
    """Replace what was understood before."""

    slot: str
    value: Any


class Decide(_Command, frozen=True, tag="decide"):
    """Answer the yes-or-no question that is open."""

    yes: bool


class Skip(_Command, frozen=True, tag="skip"):
    """Leave an optional question unanswered."""


class Clarify(_Command, frozen=True, tag="clarify"):
    """Ask which of these intents is meant."""

    intents: list[str]


class Answer(_Command, frozen=True, tag="answer"):
    """Say the response of an intent."""

    intent: str


class Respond(_Command, frozen=True, tag="respond"):
    """Say a response by its name, as a rule asks for."""

    response: str


class Knowledge(_Command, frozen=True, tag="knowledge"):
    """Look for an answer in what the chatbot was given to read."""


class ChitChat(_Command, frozen=True, tag="chitchat"):
    """Let the language model talk, where there is one."""


class Handover(_Command, frozen=True, tag="handover"):
    """Call a person."""

    reason: str = ""


class CancelFlow(_Command, frozen=True, tag="cancel_flow"):
    """Leave the flow that runs."""


class Restart(_Command, frozen=True, tag="restart"):
    """Forget everything and begin anew."""


class Nothing(_Command, frozen=True, tag="none"):
    """Do nothing."""


Command = (
    StartFlow
    | SetSlots
    | CorrectSlot
    | Decide
    | Skip
    | Clarify
    | Answer
    | Respond
    | Knowledge
    | ChitChat
    | Handover
    | CancelFlow
    | Restart
    | Nothing
)

# What a language model may ask for. Rules and open questions are not its business.
GENERATED: tuple[type[_Command], ...] = (
    StartFlow,
    SetSlots,
    CorrectSlot,
    Clarify,
    Answer,
    Knowledge,
    ChitChat,
    Handover,
    CancelFlow,
    Nothing,
)


def read(raw: Sequence[object], version: "Version") -> tuple[list[Command], list[str]]:
    """The commands among the values of a language model, and a note for each that was dropped.

    Dropped is whatever is not on the list or names a flow, slot or intent that the chatbot does not have.
    """
    kept: list[Command] = []
    notes: list[str] = []
    for number, value in enumerate(raw):
        if len(kept) >= MAX_COMMANDS:
            notes.append(f"More than {MAX_COMMANDS} commands; the rest was dropped.")
            break
        try:
            command: Command = msgspec.convert(value, Command)
        except msgspec.ValidationError as error:
            notes.append(f"Command {number + 1} is not one of the list: {error}.")
            continue
        if objection := _objection(command, version):
            notes.append(f"Command {number + 1} was dropped: {objection}.")
        else:
            kept.append(command)
    return kept, notes


def _objection(command: Command, version: "Version") -> str:
    if not isinstance(command, GENERATED):
        return "a language model may not ask for it"
    named: list[tuple[str, Sequence[str], Any]] = []
    match command:
        case StartFlow(flow=flow):
            named = [("flow", [flow], version.flows)]
        case SetSlots(slots=slots):
            named = [("slot", list(slots), version.content.slots)]
        case CorrectSlot(slot=slot):
            named = [("slot", [slot], version.content.slots)]
        case Clarify(intents=intents):
            named = [("intent", intents, version.intents)]
        case Answer(intent=intent):
            named = [("intent", [intent], version.intents)]
    missing = [(kind, name) for kind, names, known in named for name in names if name not in known]
    return f"there is no {missing[0][0]} of that name" if missing else ""
