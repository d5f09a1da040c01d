"""Entities marked in the text of an example: `[Berlin](city)` and `[Berlin]{"entity": "city", "role": "to"}`."""

import itertools
import json
import re
from typing import Any

from botyard.features.chatbots.examples import NewExample

_MARK = re.compile(
    r"\[(?P<text>[^\[\]]+)\]"
    r"(?:\((?P<entity>[^():]+)(?::(?P<value>[^()]*))?\)|(?P<one>\{[^{}]*\})|\[(?P<many>\{[^\[\]]*\})\])"
)
_KEYS = ("value", "role", "group")


def read(marked: str, intent: str) -> tuple[NewExample, str]:
    """The example, and what is wrong with its marks; what is no mark stays as text."""
    marks: list[dict[str, Any]] = []
    plain: list[str] = []
    at = length = 0
    problem = ""
    for match in _MARK.finditer(marked):
        before = marked[at : match.start()]
        plain += [before, match["text"]]
        start = length + len(before)
        length = start + len(match["text"])
        at = match.end()
        found = _entities(match)
        if found is None:
            problem = f"{match[0][:60]} is no mark of an entity"
        for each in found or ():
            marks.append({"start": start, "end": length, **each})
    text = "".join(plain) + marked[at:]
    return NewExample(text=text, intent=intent, entities=marks), problem


def write(example: NewExample) -> str | None:
    """The text with its marks, or None where marks overlap or would not be read as they are."""
    marks = sorted(example.entities, key=lambda mark: (mark["start"], mark["end"]))
    if _overlap(marks):
        return None
    parts, at = [], 0
    for mark in marks:
        inside = example.text[mark["start"] : mark["end"]]
        parts += [example.text[at : mark["start"]], f"[{inside}]{_written(mark)}"]
        at = mark["end"]
    marked = "".join(parts) + example.text[at:]
    back, problem = read(marked, example.intent)
    same = back.text == example.text and [_plain(mark) for mark in back.entities] == [
        _plain(m) for m in marks
    ]
    return marked if same and not problem else None


def _plain(mark: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mark.items() if value is not None}


def _written(mark: dict[str, Any]) -> str:
    extra = {key: mark[key] for key in _KEYS if mark.get(key) is not None}
    if not extra and not re.search(r"[():]", mark["entity"]):
        return f"({mark['entity']})"
    return json.dumps({"entity": mark["entity"], **extra}, ensure_ascii=False)


def _overlap(marks: list[dict[str, Any]]) -> bool:
    return any(one["end"] > two["start"] for one, two in itertools.pairwise(marks))


def _entities(match: re.Match[str]) -> list[dict[str, Any]] | None:
    if match["entity"]:
        found: dict[str, Any] = {"entity": match["entity"].strip()}
        return [found | ({"value": match["value"].strip()} if match["value"] else {})]
    try:
        raw = json.loads(f"[{match['one'] or match['many']}]")
    except ValueError:
        return None
    named = [each for each in raw if isinstance(each, dict) and isinstance(each.get("entity"), str)]
    if len(named) != len(raw):
        return None
    return [
        {"entity": each["entity"], **{key: str(each[key]) for key in _KEYS if each.get(key) is not None}}
        for each in named
    ]
