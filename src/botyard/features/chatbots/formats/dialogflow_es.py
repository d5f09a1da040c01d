"""Agents of Dialogflow ES: a zip with `agent.json`, `intents/` and `entities/`, each with a file per language."""

import re
from pathlib import PurePosixPath
from typing import Any

from botyard.features.chatbots.content import Button, Content, Entity, Intent, Reply, Slot
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import archive, plain
from botyard.features.chatbots.formats.imported import Imported, Report, usable
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.kit.errors import Invalid

_SAYS = re.compile(r"^intents/(?P<name>.+)_usersays_(?P<language>[A-Za-z-]+)\.json$")
_ENTRIES = re.compile(r"^entities/(?P<name>.+)_entries_(?P<language>[A-Za-z-]+)\.json$")
_NUMBERS = ("@sys.number", "@sys.number-integer", "@sys.cardinal")
_CODE = "It calls code outside (fulfilment); let a webhook or a flow do that."
_CONTEXTS = "Its contexts are not kept: what depends on the turn before is written as a flow."
_SYSTEM = "Values that Dialogflow's own entities find are found by ours."


def is_agent(files: dict[str, bytes]) -> bool:
    """Whether an archive holds such an agent."""
    return any(_SAYS.match(name) for name in files) or (
        "agent.json" in files and any(name.startswith("intents/") for name in files) and not _nested(files)
    )


def read(data: bytes, filename: str = "") -> Imported:
    """The agent in a zip. Raises Invalid where there is none."""
    files = archive.unpacked(data)
    if not is_agent(files):
        raise Invalid("The archive holds no agent of Dialogflow ES: no intents with what users say.")
    agent = mapping(plain.json_of(files["agent.json"], "agent.json")) if "agent.json" in files else {}
    reader = _Reader(files, str(agent.get("language") or "en"))
    reader.all()
    imported = Imported(
        format="dialogflow",
        name=str(agent.get("displayName") or "")[:200],
        description=str(agent.get("description") or "")[:2000],
        language=reader.content.language,
        examples=usable(reader.examples, reader.report),
        responses=reader.responses,
        content=reader.content,
    )
    if mapping(agent.get("webhook")).get("available"):
        reader.report.lost("setting", "webhook", _CODE)
    for what in ("intents", "entities", "slots", "responses"):
        reader.report.mapped(what, len(getattr(reader.content, what)))
    reader.report.mapped("examples", len(imported.examples))
    imported.report = reader.report.notes()
    return imported


class _Reader:
    """Reads the files of one agent."""

    def __init__(self, files: dict[str, bytes], language: str) -> None:
        self.files = files
        self.report = Report()
        self.content = Content(language=language[:16])
        self.examples: list[NewExample] = []
        self.responses: dict[str, str] = {}

    def all(self) -> None:
        """Entities first: intents refer to them."""
        for name in sorted(self.files):
            if match := _ENTRIES.match(name):
                self._entries(match["name"], name)
        for name in sorted(self.files):
            if name.startswith("intents/") and name.endswith(".json") and not _SAYS.match(name):
                self._intent(PurePosixPath(name).stem, mapping(self._json(name)))
        for name in sorted(self.files):
            if match := _SAYS.match(name):
                self._user_says(match["name"], match["language"], name)

    def _json(self, name: str) -> Any:
        return plain.json_of(self.files[name], name)

    def _entries(self, name: str, path: str) -> None:
        settings = (
            mapping(self._json(f"entities/{name}.json")) if f"entities/{name}.json" in self.files else {}
        )
        entity = self.content.entities.setdefault(str(settings.get("name") or name), Entity())
        for entry in map(mapping, items(self._json(path))):
            value = str(entry.get("value", ""))
            if settings.get("isRegexp"):
                entity.patterns += [str(each) for each in items(entry.get("synonyms"))] or [value]
            elif value:
                known = entity.values.setdefault(value, [])
                known += [
                    str(s) for s in items(entry.get("synonyms")) if str(s) != value and str(s) not in known
                ]
        if settings.get("isEnum") and any("@" in value for value in entity.values):
            self.report.partly("entity", name, "Entities made of other entities are kept as plain values.")

    def _intent(self, stem: str, raw: dict[str, Any]) -> None:
        name = str(raw.get("name") or stem)
        intent = self.content.intents.setdefault(name, Intent())
        if items(raw.get("contexts")):
            self.report.partly("intent", name, _CONTEXTS)
        if raw.get("webhookUsed") or raw.get("webhookForSlotFilling"):
            self.report.lost("fulfilment of intent", name, _CODE)
        if items(raw.get("events")) and not raw.get("fallbackIntent"):
            events = {str(mapping(each).get("name")) for each in items(raw["events"])}
            if "WELCOME" not in events:
                self.report.partly("intent", name, "It starts by an event, too, which is not kept.")
        for response in map(mapping, items(raw.get("responses"))):
            self._response(name, intent, response)
        self._start_and_fall_back(name, intent, raw)

    def _start_and_fall_back(self, name: str, intent: Intent, raw: dict[str, Any]) -> None:
        settings = self.content.settings
        if raw.get("fallbackIntent"):
            settings.fallback = settings.fallback or intent.response
            del self.content.intents[name]
            self.responses.pop(name, None)
        elif any(mapping(each).get("name") == "WELCOME" for each in items(raw.get("events"))):
            settings.greeting = settings.greeting or intent.response

    def _response(self, name: str, intent: Intent, raw: dict[str, Any]) -> None:
        for parameter in map(mapping, items(raw.get("parameters"))):
            self._parameter(name, parameter)
        replies: list[Reply] = []
        for message in map(mapping, items(raw.get("messages"))):
            self._message(name, message, replies)
        if replies:
            intent.response = f"answer {name}"[:200]
            self.content.responses[intent.response] = replies
            texts = [reply.text for reply in replies if reply.text]
            if texts:
                self.responses[name] = texts[0]

    def _parameter(self, intent: str, raw: dict[str, Any]) -> None:
        name, kind = str(raw.get("name") or ""), str(raw.get("dataType") or "")
        if not name:
            return
        slot = self.content.slots.setdefault(name, Slot())
        slot.entity = kind.removeprefix("@").removeprefix("sys.")
        slot.type = "list" if raw.get("isList") else ("number" if kind in _NUMBERS else "text")
        if raw.get("required"):
            why = "That it is asked for when it is missing is not kept; write a flow that asks."
            self.report.partly("parameter", f"{name} of {intent}", why)

    def _message(self, name: str, raw: dict[str, Any], replies: list[Reply]) -> None:
        kind = str(raw.get("type"))
        language = str(raw.get("lang") or "")
        language = "" if language == self.content.language else language[:16]
        channel = str(raw.get("platform") or "")
        if kind in ("0", "message"):
            speech = raw.get("speech")
            texts = [str(each) for each in (speech if isinstance(speech, list) else [speech]) if each]
            replies += [Reply(text=text, language=language, channel=channel) for text in texts]
        elif kind in ("2", "quick_replies", "suggestion_chips") and replies:
            titles = items(raw.get("replies")) or [
                mapping(s).get("title") for s in items(raw.get("suggestions"))
            ]
            buttons = [Button(title=str(each)[:200]) for each in titles if each]
            for reply in replies:
                reply.buttons = reply.buttons or buttons
        elif kind in ("3", "image"):
            replies.append(Reply(image=str(raw.get("imageUrl") or ""), language=language, channel=channel))
        else:
            self.report.partly("intent", name, "Cards and payloads of its answer are not kept.")

    def _user_says(self, stem: str, language: str, path: str) -> None:
        intent = self._name(stem)
        if intent is None:
            return
        if language not in (self.content.language, *self.content.languages):
            self.content.languages.append(language)
        for entry in map(mapping, items(self._json(path))):
            example = self._example(intent, [mapping(part) for part in items(entry.get("data"))])
            example.language = "" if language == self.content.language else language
            if entry.get("isTemplate"):
                self.report.partly("example", example.text[:60], "It is a template, kept as it is written.")
            self.examples.append(example)

    def _name(self, stem: str) -> str | None:
        """The intent's own name, which its file may not bear; None for one that only falls back."""
        path = f"intents/{stem}.json"
        raw = mapping(self._json(path)) if path in self.files else {}
        name = str(raw.get("name") or stem)
        if raw.get("fallbackIntent"):
            self.report.lost("examples of intent", name, "What nobody means needs no examples here.")
            return None
        self.content.intents.setdefault(name, Intent())
        return name

    def _example(self, intent: str, parts: list[dict[str, Any]]) -> NewExample:
        text, marks = "", []
        for part in parts:
            piece = str(part.get("text") or "")
            kind = str(part.get("meta") or "")
            if kind and kind != "@sys.ignore" and piece.strip():
                marks.append(self._mark(part, kind, len(text), piece))
            text += piece
        return NewExample(text=text, intent=intent, entities=marks)

    def _mark(self, part: dict[str, Any], kind: str, start: int, piece: str) -> dict[str, Any]:
        entity = kind.removeprefix("@").removeprefix("sys.")
        if kind.startswith("@sys."):
            self.report.partly("entity", kind, _SYSTEM)
        self.content.entities.setdefault(entity, Entity())
        left = len(piece) - len(piece.lstrip())
        mark = {"start": start + left, "end": start + len(piece.rstrip()), "entity": entity}
        role = str(part.get("alias") or "")
        if role and role != entity:
            mark["role"] = role
            roles = self.content.entities[entity].roles
            if role not in roles:
                roles.append(role)
        return mark


def _nested(files: dict[str, bytes]) -> bool:
    """Intents in folders of their own are an agent of Dialogflow CX."""
    return any(name.startswith("intents/") and name.count("/") > 1 for name in files)
