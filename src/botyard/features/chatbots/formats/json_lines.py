"""JSON lines: ours, which keep everything, and plain ones with a text and an intent in each."""

from typing import Any

import msgspec

from botyard.features.chatbots import content as contents
from botyard.features.chatbots.examples import NewExample, is_language
from botyard.features.chatbots.formats import plain
from botyard.features.chatbots.formats.imported import Exported, Imported, Project, Report, usable
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.kit.errors import Invalid

FORMAT = "botyard-dataset/1"
_TEXTS = ("text", "utterance", "sentence", "query", "question", "prompt")
_INTENTS = ("intent", "label", "category", "intent_name", "class")
_KNOWN = {*_TEXTS, *_INTENTS, "entities", "language", "lang"}


class _Head(msgspec.Struct, kw_only=True):
    botyard: str
    name: str = ""
    description: str = ""
    language: str = "en"
    responses: dict[str, str] = {}
    extras: dict[str, Any] = {}
    content: Any = None


def read(data: bytes, filename: str = "") -> Imported:
    """The examples of such a file; a JSON list of objects is read as well. Raises Invalid, naming the line."""
    text, _ = plain.decoded(data)
    report = Report()
    if text.lstrip().startswith("["):
        values = [(at, each) for at, each in enumerate(items(plain.json_of(data)), 1)]
    else:
        values = [(at, _line(line, at)) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not values:
        raise Invalid("The file has no lines.")
    head = _head(values[0][1])
    examples = [_example(at, each, report) for at, each in (values[1:] if head else values)]
    imported = Imported(format="jsonl", examples=usable([each for each in examples if each], report))
    if head:
        _apply(imported, head)
    report.mapped("examples", len(imported.examples))
    imported.report = report.notes()
    return imported


def write(project: Project) -> Exported:
    """Everything, so that an import here gives it back as it is."""
    head = _Head(
        botyard=FORMAT,
        name=project.name,
        description=project.description,
        language=project.language,
        responses=project.responses,
        extras=project.extras,
        content=None if project.content is None else contents.write(project.content),
    )
    encoder = msgspec.json.Encoder()
    lines = [encoder.encode(head), *map(encoder.encode, project.examples)]
    report = Report()
    report.mapped("examples", len(project.examples))
    data = b"\n".join(lines) + b"\n"
    return Exported(
        data=data, filename="dataset.jsonl", media_type="application/jsonl", report=report.notes()
    )


def looks_like(first: Any) -> bool:
    """Whether the first value of a file is a head of ours or an example."""
    known = mapping(first)
    return "botyard" in known or bool(known.keys() & set(_TEXTS) and known.keys() & set(_INTENTS))


def _line(line: str, at: int) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Invalid(f"Line {at} is no JSON: {str(error)[:120]}.") from None


def _head(value: Any) -> _Head | None:
    if "botyard" not in mapping(value):
        return None
    plain.check_depth(value, "The head of the file")
    try:
        head = msgspec.convert(value, _Head)
    except msgspec.ValidationError as error:
        raise Invalid(f"The head of the file cannot be read: {error}.") from None
    if head.botyard != FORMAT:
        raise Invalid(
            f"The file is of another version ({head.botyard[:40]}) than this server reads ({FORMAT})."
        )
    return head


def _apply(imported: Imported, head: _Head) -> None:
    if not is_language(head.language):
        raise Invalid("The head of the file names a language that is none; write it as en or pt-BR.")
    imported.name, imported.description, imported.language = head.name, head.description, head.language
    imported.responses, imported.extras = head.responses, head.extras
    imported.content = None if head.content is None else contents.read(head.content)


def _example(at: int, value: Any, report: Report) -> NewExample | None:
    known = mapping(value)
    text = next((known[key] for key in _TEXTS if isinstance(known.get(key), str)), None)
    intent = next((known[key] for key in _INTENTS if isinstance(known.get(key), str | int)), None)
    if text is None or intent is None:
        report.lost("line", str(at), "It has no text or no intent.")
        return None
    for key in known.keys() - _KNOWN:
        report.lost("field", key, "Only text, intent, entities and language are kept.")
    marks = [mapping(mark) for mark in items(known.get("entities"))]
    language = known.get("language") or known.get("lang") or ""
    return NewExample(text=text, intent=str(intent), entities=marks, language=str(language))
