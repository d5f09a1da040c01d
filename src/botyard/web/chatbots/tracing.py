"""Why a chatbot said what it said, in words: the stored events of a conversation, turn by turn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_HOW = {
    "button": "A button was chosen",
    "words": "It holds words that every chatbot knows",
    "rule": "A rule fits",
    "correction": "It corrects what was said before",
    "answer": "It answers the open question",
    "nlu": "Read by the trained model",
    "model": "Read by the language model",
    "nothing": "Nothing that was written or trained fits",
}
RUNGS = {
    "greeting": "the greeting",
    "flow": "a flow",
    "rule": "a rule",
    "intent": "the answer of the intent",
    "clarify": "a question back",
    "knowledge": "the knowledge",
    "model": "the language model",
    "guard": "the guard",
    "handover": "the call for a person",
    "fallback": "the fallback",
}
_MISSED = {
    "unsure": "Two intents were close",
    "not understood": "It was not understood",
    "handover": "A person was wanted",
    "loop": "It went round in circles",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `who` is user, bot or person; buttons are those of the newest answer only."""

    id: str
    who: str
    text: str
    at_us: int
    buttons: list[Mapping[str, Any]]
    image: str
    citations: list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Happened:
    """Something else that happened: an icon's name and a sentence."""

    icon: str
    text: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Bar:
    """An intent that the message may have had, and how sure that was."""

    name: str
    share: float
    best: bool

    @property
    def percent(self) -> int:
        """The share as a whole number of hundredths."""
        return round(self.share * 100)


@dataclass(slots=True)
class Why:
    """How one message was read and what followed from it."""

    how: str = ""
    out_of_scope: bool = False
    bars: list[Bar] = field(default_factory=list)
    entities: list[Mapping[str, Any]] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)  # icon and sentence, in order
    rungs: list[str] = field(default_factory=list)
    latency_ms: float | None = None

    def rung(self, source: str) -> None:
        """Note where an answer came from, once."""
        word = RUNGS.get(source, source)
        if word and word not in self.rungs:
            self.rungs.append(word)


@dataclass(slots=True)
class Turn:
    """A message of the user with all that happened until the next one; the first one may begin without."""

    key: str
    user: Said | None = None
    after: list[Said | Happened] = field(default_factory=list)
    why: Why = field(default_factory=Why)
    review: str | None = None


def turns(
    rows: Iterable[Mapping[str, Any]], names: Mapping[str, str] | None = None, *, trial: bool = False
) -> list[Turn]:
    """The events of `conversations.trace`, turn by turn; `names` are those of people by their id in text."""
    found: list[Turn] = []
    for row in rows:
        if row["kind"] == "user" or not found:
            found.append(Turn(key=row["event_id"]))
        turn = found[-1]
        _add_trace(turn.why, row)
        if row["kind"] == "user":
            turn.user, turn.review = _said(row), row["review"]
        elif row["kind"] in ("bot", "person"):
            turn.after.append(_said(row))
            _add_answer(turn.why, row)
        else:
            turn.after.append(_happened(row, names or {}, trial))
    return found


def _said(row: Mapping[str, Any]) -> Said:
    return Said(
        id=row["event_id"],
        who=row["kind"],
        text=row["text"],
        at_us=row["at_us"],
        buttons=list(row.get("buttons", ())),
        image=row.get("image", ""),
        citations=list(row.get("citations", ())),
    )


def _happened(row: Mapping[str, Any], names: Mapping[str, str], trial: bool) -> Happened:
    text = row["text"]
    person = names.get(text, "A person")
    match row["kind"]:
        case "handover":
            icon, told = "headset", f"{called(text, trial=trial)}.{_instead(row) if trial else ''}"
        case "attended":
            icon, told = "headset", f"{person} took over."
        case "returned":
            icon, told = "message-chatbot", f"{person} gave the conversation back to the chatbot."
        case "rated" if text == "down":
            icon, told = "thumb-down", "An answer was marked as wrong."
        case "rated":
            icon, told = "star", f"Rated {text} of 5."
        case _:
            icon, told = "circle-check", "The conversation was closed."
    return Happened(icon, told, row["at_us"])


def called(text: str, *, trial: bool) -> str:
    """That a person was called, or in a trial would be, as a sentence without its end."""
    who = "With a real user, a person would be called now" if trial else "A person was called"
    return f"{who}: {reason(text)}"


def _instead(row: Mapping[str, Any]) -> str:
    """What a call comes to in a trial; within office hours the chatbot waits for the person."""
    quiet = (
        " The chatbot keeps quiet from here on, as it would; begin anew to go on." if row["staffed"] else ""
    )
    return f" This is a trial, so nobody is.{quiet}"


def reason(text: str) -> str:
    """Why a person was called, as the end of a sentence."""
    if text.startswith("intent:"):
        return f"the message meant {text.removeprefix('intent:')}"
    said = {
        "asked": "the user asked for one",
        "misses": "too many messages were not understood",
        "model": "the language model asked for one",
        "flow": "a flow asked for one",
    }
    return said.get(text, text.rstrip(".") or "a flow asked for one")


def _add_answer(why: Why, row: Mapping[str, Any]) -> None:
    why.rung(row.get("source", ""))
    if row["latency_us"] is not None and why.latency_ms is None:
        why.latency_ms = row["latency_us"] / 1000
    response = row.get("response")
    if response and _saying({"response": response}) not in why.steps:
        why.steps.append(("message", f"The response {response} was said"))


def _add_trace(why: Why, row: Mapping[str, Any]) -> None:
    for part in row.get("trace", ()):
        if part["type"] == "understood":
            _add_reading(why, part)
        elif part["type"] == "missed" and part["why"] == "unanswered":
            why.how = "It was understood, but nothing that is written answers it"  # a note names the intent
        elif (told := _PARTS.get(part["type"])) is not None:
            why.steps.append(told(part))


def _add_reading(why: Why, part: Mapping[str, Any]) -> None:
    why.how = _HOW.get(part["how"], part["how"])
    # beside an open question or a rule the trained model has no say
    why.out_of_scope = part.get("out_of_scope", False) and part["how"] in ("nothing", "nlu", "model")
    candidates = part.get("candidates") or why.bars
    if candidates is not why.bars:
        why.bars = [Bar(name, share, at == 0) for at, (name, share) in enumerate(candidates)]
    why.entities = part.get("entities") or why.entities
    why.steps += [_command(command) for command in part.get("commands", ()) if command["do"] != "none"]


def _command(command: Mapping[str, Any]) -> tuple[str, str]:
    told = _COMMANDS.get(command["do"])
    return told(command) if told else ("arrow-right", command["do"].replace("_", " ").capitalize())


def _saying(it: Mapping[str, Any]) -> tuple[str, str]:
    return "message", f"Say the response {it['response']}"


def _filled(slots: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in slots.items())


Told = Callable[[Mapping[str, Any]], tuple[str, str]]
_COMMANDS: dict[str, Told] = {
    "start_flow": lambda it: ("git-branch", f"Start the flow {it['flow']}"),
    "set_slots": lambda it: ("tag", f"Take as the answer: {_filled(it['slots'])}"),
    "correct_slot": lambda it: ("pencil", f"Correct {it['slot']} to {it['value']}"),
    "answer": lambda it: ("arrow-right", f"Answer the intent {it['intent']}"),
    "respond": _saying,
    "decide": lambda it: ("check", "It is a yes" if it.get("yes") else "It is a no"),
    "clarify": lambda it: ("git-branch", f"Ask back: {' or '.join(it['intents'])}"),
    "handover": lambda it: ("headset", f"Call a person: {reason(it.get('reason', ''))}"),
}
_PARTS: dict[str, Told] = {
    "missed": lambda it: ("info-circle", _MISSED.get(it["why"], str(it["why"]))),
    "slot": lambda it: (
        "tag",
        f"{it['name']} is now {it['value']}" if it["value"] is not None else f"{it['name']} is now empty",
    ),
    "flow_started": lambda it: ("git-branch", f"The flow {it['flow']} began"),
    "flow_ended": lambda it: (
        "git-branch",
        f"The flow {it['flow']} {'was left' if it.get('cancelled') else 'ended'}",
    ),
    "needs_commands": lambda _: ("sparkles", "The language model was asked what it means"),
    "trace": lambda it: ("info-circle", it["note"]),
}
