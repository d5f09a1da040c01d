"""What one example is: a text, what is meant by it, and the marks of entities in it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from botyard.kit.errors import Invalid

MAX_TEXT = 2000
MAX_INTENT = 200
MAX_EXAMPLES = 100_000  # of one dataset
MAX_MARKS = 50
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,2}")
_ENTITY = re.compile(r"[^\x00-\x1f]{1,200}")


class NewExample(Struct, kw_only=True, omit_defaults=True):
    """An example on its way into a dataset; an entity is `{start, end, entity, value?, role?, group?}`."""

    text: str
    intent: str
    entities: list[dict[str, Any]] = field(default_factory=list)
    language: str = ""  # empty: the dataset's


class Mark(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where in a text an entity stands, counted in characters; `value` where it means something else."""

    start: int
    end: int
    entity: str
    value: str | None = None
    role: str | None = None
    group: str | None = None


def digest_of(text: str) -> str:
    """The same for texts that differ in case and blanks only."""
    plain = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def values_of(example: NewExample) -> dict[str, Any]:
    """The columns of an example's row that come from the example itself."""
    return {
        "text": example.text,
        "intent": example.intent,
        "entities": example.entities,
        "language": example.language,
        "digest": digest_of(example.text),
    }


def checked(examples: Iterable[NewExample], *, first: int = 0) -> list[NewExample]:
    """The examples without blanks around text and intent. Raises Invalid, naming the first wrong one by its index.

    `first` is the index of the first one.
    """
    good = []
    for index, example in enumerate(examples, start=first):
        problem = problem_of(example)
        if problem:
            raise Invalid(f"Example {index} {problem}.", details={"index": index})
        good.append(trimmed(example))
    return good


def trimmed(example: NewExample) -> NewExample:
    """The example without blanks around its text and intent; marks move along."""
    text = example.text.strip()
    if text == example.text and example.intent == example.intent.strip():
        return example
    left = len(example.text) - len(example.text.lstrip())
    marks = [
        {**mark, "start": max(mark["start"] - left, 0), "end": min(mark["end"] - left, len(text))}
        for mark in example.entities
    ]
    return NewExample(text=text, intent=example.intent.strip(), entities=marks, language=example.language)


def problem_of(example: NewExample) -> str:
    """What is wrong with an example, as the end of a sentence; empty when nothing is."""
    text = example.text.strip()
    if not text:
        return "has no text"
    if len(text) > MAX_TEXT:
        return f"has a text of {len(text)} characters; at most {MAX_TEXT} are kept"
    if not _storable(text):
        return "holds a character that no text has (NUL or half of a pair)"
    if problem := intent_problem(example.intent):
        return problem
    if example.language and not is_language(example.language):
        return f"has {example.language[:20]!r} for its language; write it as en or pt-BR"
    return _marks_problem(example.text, example.entities) if example.entities else ""


def intent_problem(name: str) -> str:
    """What is wrong with the name of an intent, as the end of a sentence; empty when nothing is."""
    name = name.strip()
    if not name:
        return "has no intent"
    if len(name) > MAX_INTENT:
        return f"has an intent whose name is longer than {MAX_INTENT} characters"
    if not name.isprintable():  # no line breaks, control characters, half pairs
        return "has an intent whose name holds characters that cannot be seen"
    return ""


def is_language(name: str) -> bool:
    """Whether this is written as languages are: en, pt-BR."""
    return len(name) <= 16 and _LANGUAGE.fullmatch(name) is not None


def _marks_problem(text: str, marks: Sequence[dict[str, Any]]) -> str:
    if len(marks) > MAX_MARKS:
        return f"has more than {MAX_MARKS} entities"
    for number, raw in enumerate(marks):
        try:
            mark = msgspec.convert(raw, Mark)
        except msgspec.ValidationError as error:
            return f"has an entity ({number}) that cannot be read: {error}"
        if not 0 <= mark.start < mark.end <= len(text):
            return f"has an entity ({number}) outside of its text"
        names = (mark.entity, *(each for each in (mark.value, mark.role, mark.group) if each))
        if not all(_ENTITY.fullmatch(each) and _storable(each) for each in names):
            return f"has an entity ({number}) whose name, value, role or group is not one line of text"
    return ""


def _storable(text: str) -> bool:
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)
