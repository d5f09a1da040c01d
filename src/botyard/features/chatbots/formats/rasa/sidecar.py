"""The file beside Rasa's own in an export, with what they have no words for.

It is found by reading the export back: what does not come back as it was lies in it, with the digest of what came
back instead. An import puts the original in its place only while that digest still fits; what was edited in Rasa's
files since then wins.
"""

import hashlib
from collections import Counter
from typing import Any

import msgspec

from botyard.features.chatbots.content import (
    Content,
    Entity,
    Flow,
    Intent,
    Reply,
    Rule,
    Settings,
    Slot,
)
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats.imported import Imported, Project, Report, usable
from botyard.kit.errors import Invalid

NAME = "botyard.json"
FORMAT = "botyard-rasa/1"
_SECTIONS: dict[str, Any] = {
    "intents": Intent,
    "entities": Entity,
    "slots": Slot,
    "responses": list[Reply],
    "flows": Flow,
}
_SINGULAR = {
    "intents": "intent",
    "entities": "entity",
    "slots": "slot",
    "responses": "response",
    "flows": "flow",
}


class _Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An object as it was, and the digest of what Rasa's files say of it; None: nothing."""

    was: Any = None
    read: str | None = None


class _Sidecar(msgspec.Struct, kw_only=True):
    format: str
    name: str = ""
    description: str = ""
    language: str = "en"
    languages: list[str] = []
    names: dict[str, str] = {}  # of responses: in the files, and here
    responses: dict[str, str] = {}
    extras: dict[str, Any] = {}
    examples: list[NewExample] = []
    settings: Settings = msgspec.field(default_factory=Settings)
    rules: list[Rule] = []
    objects: dict[str, dict[str, _Kept]] = {}
    order: list[str] = []  # of flows


def difference(project: Project, content: Content, back: Imported, names: dict[str, str]) -> bytes:
    """The sidecar for a project of which `back` was read from Rasa's files alone."""
    assert back.content is not None
    rename(back.content, names)
    missing = Counter(map(_key, project.examples)) - Counter(map(_key, back.examples))
    side = _Sidecar(
        format=FORMAT,
        name=project.name,
        description=project.description,
        language=content.language,
        languages=content.languages,
        names=names,
        responses=project.responses,
        extras=project.extras,
        examples=[msgspec.json.decode(key, type=NewExample) for key in missing.elements()],
        settings=content.settings,
        rules=content.rules,
        order=[flow.id for flow in content.flows],
    )
    for section in _SECTIONS:
        side.objects[section] = _differing(_objects(content, section), _objects(back.content, section))
    return msgspec.json.format(msgspec.json.encode(side), indent=1)


def kept(data: bytes) -> dict[str, list[str]]:
    """What of each kind only the sidecar has, for the report of an export."""
    side = msgspec.json.decode(data, type=_Sidecar)
    named = {
        _SINGULAR[section]: [key for key, each in objects.items() if each.was is not None]
        for section, objects in side.objects.items()
    }
    named["example"] = [example.text for example in side.examples]
    named["rule"] = [rule.phrase or " ".join(rule.words) for rule in side.rules]
    return {kind: keys for kind, keys in named.items() if keys}


def apply(imported: Imported, raw: Any, report: Report) -> None:
    """Put back what an export of ours kept. Raises Invalid where the file is none of ours."""
    try:
        side = msgspec.convert(raw, _Sidecar)
    except msgspec.ValidationError as error:
        raise Invalid(f"{NAME} in the archive cannot be read: {error}.") from None
    if side.format != FORMAT:
        raise Invalid(f"{NAME} in the archive is of another version ({side.format[:40]}).")
    content = imported.content
    assert content is not None
    rename(content, side.names)
    for section, objects in side.objects.items():
        if section in _SECTIONS:
            _restore(content, section, objects)
    places = {flow_id: place for place, flow_id in enumerate(side.order)}
    content.flows.sort(key=lambda flow: places.get(flow.id, len(places)))
    content.settings, content.rules = side.settings, side.rules
    content.language, content.languages = side.language, side.languages
    imported.name, imported.description, imported.language = side.name, side.description, side.language
    imported.responses, imported.extras = side.responses, side.extras
    imported.examples = imported.examples + usable(side.examples, report)


def rename(content: Content, names: dict[str, str]) -> None:
    """Give responses their own names back: Rasa wants them to begin with `utter_`."""
    if not names:
        return
    content.responses = {names.get(name, name): of for name, of in content.responses.items()}
    for intent in content.intents.values():
        intent.response = names.get(intent.response, intent.response)
    for flow in content.flows:
        for step in flow.steps:
            for field in ("response", "refused"):
                if getattr(step, field, ""):
                    setattr(step, field, names.get(getattr(step, field), getattr(step, field)))


def _objects(content: Content, section: str) -> dict[str, Any]:
    if section == "flows":
        return {flow.id: flow for flow in content.flows}
    objects: dict[str, Any] = getattr(content, section)
    return objects


def _differing(ours: dict[str, Any], read: dict[str, Any]) -> dict[str, _Kept]:
    found = {}
    for key in [*ours, *(key for key in read if key not in ours)]:
        if ours.get(key) != read.get(key) or (key in ours) != (key in read):
            found[key] = _Kept(
                was=msgspec.to_builtins(ours[key]) if key in ours else None,
                read=_digest(read[key]) if key in read else None,
            )
    return found


def _restore(content: Content, section: str, objects: dict[str, _Kept]) -> None:
    there = dict(_objects(content, section))
    for key, each in objects.items():
        if (_digest(there[key]) if key in there else None) != each.read:
            continue  # edited since
        if each.was is None:
            there.pop(key, None)
            continue
        try:
            there[key] = msgspec.convert(each.was, _SECTIONS[section])
        except msgspec.ValidationError as error:
            what = f"{_SINGULAR[section]} {key[:60]}"
            raise Invalid(f"The {what} in {NAME} cannot be read: {error}.") from None
    if section == "flows":
        content.flows = list(there.values())
    else:
        setattr(content, section, there)


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]


def _key(example: NewExample) -> bytes:
    return msgspec.json.encode(example, order="sorted")
