"""Tables as CSV: a text and its intent in each row, whatever program wrote them."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import columns, plain
from botyard.features.chatbots.formats.imported import Exported, Imported, Project, Report, usable
from botyard.kit.errors import Invalid

_DELIMITERS = ",;\t|"
_MAX_COLUMNS = 100
_HEAD = "The first line was taken for a header, not for an example; if it is one, add it."
# Spreadsheets run what begins like this; a quote before it makes it text, and an import takes that away again.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"'+[=+\-@\t\r]")
_SAID = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)  # how spreadsheets are told what divides columns


def read(data: bytes, filename: str = "") -> Imported:
    """The examples of a table, with a head or without. Raises Invalid where there are no two columns."""
    text, encoding = plain.decoded(data, guess=True)
    report = Report()
    if encoding == "cp1252":
        why = (
            "It is not UTF-8; it was read as Windows writes it in western Europe. Check letters with accents."
        )
        report.partly("encoding", encoding, why)
    text, delimiter = _divided(text)
    rows = [row for row in _rows(text, delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        raise Invalid("The table has no rows.")
    found = columns.find(rows)
    for name in _unknown(rows[0], found):
        report.lost("column", name, "Only text, intent, language and entities are kept.")
    examples = list(_examples(rows[1:] if found.headed else rows, found.at, report))
    first = next(_examples(rows[:1], found.at, report)) if found.guessed else None
    if first is not None:
        report.partly("first line", f"{first.text}, {first.intent}", _HEAD)
    good = usable(examples, report)
    report.mapped("examples", len(good))
    return Imported(format="csv", examples=good, report=report.notes(), first_line=first)


def write(project: Project) -> Exported:
    """The examples as a table of UTF-8; what it has no columns for is in the report."""
    report = Report()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = ["text", "intent"]
    columns += ["language"] if any(example.language for example in project.examples) else []
    columns += ["entities"] if any(example.entities for example in project.examples) else []
    writer.writerow(columns)
    for example in project.examples:
        entities = msgspec.json.encode(example.entities).decode() if example.entities else ""
        cells = {"text": _safe(example.text), "intent": _safe(example.intent), "language": example.language}
        writer.writerow([(cells | {"entities": entities})[column] for column in columns])
    report.mapped("examples", len(project.examples))
    if project.responses or project.content is not None:
        report.lost(
            "responses", "and flows", "A table holds examples only; export JSON lines or Rasa for them."
        )
    data = b"\xef\xbb\xbf" + out.getvalue().encode()  # with the mark by which spreadsheets know UTF-8
    return Exported(
        data=data, filename="examples.csv", media_type="text/csv; charset=utf-8", report=report.notes()
    )


def looks_like(text: str) -> bool:
    """Whether a text is a table of at least two columns."""
    try:
        return max((len(row) for row in _head(*_divided(text))), default=0) > 1
    except (csv.Error, Invalid):
        return False


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if len(row) > _MAX_COLUMNS:
                raise Invalid(f"Row {reader.line_num} has more than {_MAX_COLUMNS} columns.")
            yield row
    except csv.Error as error:
        raise Invalid(f"The table cannot be read in line {reader.line_num}: {error}.") from None


def _head(text: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text[:20_000], newline=""), delimiter=delimiter))[:50]


def _divided(text: str) -> tuple[str, str]:
    """The table itself, and the sign that divides its columns."""
    said = _SAID.match(text)
    return (text[said.end() :], said[1]) if said else (text, _delimiter(text))


def _delimiter(text: str) -> str:
    """The sign that divides most rows of the head into the same number of columns, and that is at least two."""
    best, most = ",", 0.0
    for sign in _DELIMITERS:
        try:
            widths = [len(row) for row in _head(text, sign) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=1)
        share = widths.count(usual) / len(widths) if usual > 1 else 0.0
        if share > most:
            best, most = sign, share
    return best


def _unknown(head: list[str], found: columns.Columns) -> list[str]:
    if not found.headed:
        return []
    return [name for at, name in enumerate(head) if at not in found.at.values() and name.strip()]


def _examples(rows: list[list[str]], at: dict[str, int], report: Report) -> Iterator[NewExample]:
    for row in rows:
        cells = {name: row[column].strip() for name, column in at.items() if column < len(row)}
        yield NewExample(
            text=_plain(cells.get("text", "")),
            intent=_plain(cells.get("intent", "")),
            language=cells.get("language", ""),
            entities=_entities(cells.get("entities", ""), report),
        )


def _entities(cell: str, report: Report) -> list[dict[str, Any]]:
    if not cell:
        return []
    try:
        return msgspec.json.decode(cell, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError):
        report.lost("entities", cell[:60], "They are no JSON list.")
        return []


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _plain(text: str) -> str:
    return text[1:] if _QUOTED.match(text) else text
