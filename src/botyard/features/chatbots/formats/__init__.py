"""Formats of others, and ours: bytes to examples and content, and back, with a report of what does not map.

Reading and writing is pure; `process` lets both happen beside the server. Formats are told apart by what is in a file;
its extension says which of them it is meant to be, so that a broken file is not taken for another format.
"""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import msgspec

from botyard.features.chatbots.formats import (
    archive,
    botpress,
    dialogflow_cx,
    dialogflow_es,
    json_lines,
    plain,
    table,
)
from botyard.features.chatbots.formats.imported import MAX_INPUT, Exported, Imported, Note, Project
from botyard.features.chatbots.formats.rasa import export as rasa_export
from botyard.features.chatbots.formats.rasa import project as rasa_project
from botyard.kit.errors import Invalid

__all__ = [
    "MAX_INPUT",
    "READERS",
    "WRITERS",
    "Exported",
    "Imported",
    "Note",
    "Project",
    "detect",
    "read",
    "write",
]

READERS: dict[str, Callable[[bytes, str], Imported]] = {
    "rasa": rasa_project.read,
    "dialogflow": dialogflow_es.read,
    "dialogflow_cx": dialogflow_cx.read,
    "botpress": botpress.read,
    "csv": table.read,
    "jsonl": json_lines.read,
}
WRITERS: dict[str, Callable[[Project], Exported]] = {
    "rasa": rasa_export.write,
    "csv": table.write,
    "jsonl": json_lines.write,
}

_YAML, _JSON = (".yml", ".yaml"), (".json", ".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".txt", ".tab", "")  # almost any text can be read as a table: others are not tried


def read(data: bytes, filename: str = "", format: str = "") -> Imported:  # noqa: A002 - the word for it
    """What the bytes hold; the format is detected unless it is named.

    Raises Invalid, in one sentence, for what is of no known format, broken, too large or meant to do harm.
    """
    chosen = format or detect(data, filename)
    reader = READERS.get(chosen)
    if reader is None:
        raise Invalid(f"Imports know {', '.join(READERS)}, not {chosen[:40]!r}.", details={"field": "format"})
    _check_size(data)
    return reader(data, filename)


def write(format: str, project: Project) -> Exported:  # noqa: A002 - the word for it
    """The project as a file of that format, with the report of what it has no words for."""
    writer = WRITERS.get(format)
    if writer is None:
        raise Invalid(f"Exports know {', '.join(WRITERS)}, not {format[:40]!r}.", details={"field": "format"})
    return writer(project)


def detect(data: bytes, filename: str = "") -> str:
    """The format of these bytes. Raises Invalid where it is none of those known."""
    _check_size(data)
    if not data.strip():
        raise Invalid("The file is empty.")
    if archive.is_zip(data) or archive.is_tgz(data):
        return _of_archive(archive.unpacked(data))
    extension = PurePosixPath(filename.strip().lower()).suffix
    if extension in _YAML:
        return "rasa"
    text, _ = plain.decoded(data, guess=True)
    if extension in _JSON or text.lstrip()[:1] in ("{", "["):
        return _of_json(data, text)
    if extension in ("", ".txt") and _is_rasa(text):
        return "rasa"
    if extension in _TABLES and table.looks_like(text):
        return "csv"
    raise Invalid(
        "This is no file that can be imported: take Rasa YAML (.yml), a zip of Rasa, Dialogflow or Botpress, a table "
        "(.csv, .tsv, .txt) or JSON lines (.jsonl)."
    )


def _of_archive(files: dict[str, bytes]) -> str:
    if botpress.is_bot(files):
        return "botpress"
    if dialogflow_cx.is_agent(files):
        return "dialogflow_cx"
    if dialogflow_es.is_agent(files):
        return "dialogflow"
    if any(name.endswith((".yml", ".yaml")) for name in files):
        return "rasa"
    raise Invalid("The archive holds neither a project of Rasa nor an agent of Dialogflow or Botpress.")


def _of_json(data: bytes, text: str) -> str:
    """Lines of JSON begin with a whole value; anything else is one value."""
    try:
        first: Any = msgspec.json.decode(text.lstrip().split("\n", 1)[0])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        first = None
    if isinstance(first, dict) and json_lines.looks_like(first):
        return "jsonl"
    value = plain.json_of(data)
    if botpress.is_export(value):
        return "botpress"
    if isinstance(value, dict) and "rasa_nlu_data" in value:
        return "rasa"
    if isinstance(value, list) and value and json_lines.looks_like(value[0]):
        return "jsonl"
    raise Invalid("This JSON is no export that can be imported: it has no examples with intents.")


def _is_rasa(text: str) -> bool:
    keys = {line.split(":", 1)[0] for line in text.splitlines() if line[:1].isalpha() and ":" in line}
    return bool(keys & rasa_project.KEYS)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_INPUT:
        raise Invalid(f"An import has at most {MAX_INPUT // 1024 // 1024} MiB; divide it.")
