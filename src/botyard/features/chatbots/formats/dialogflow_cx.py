"""Agents of Dialogflow CX: a JSON package (zip), with intents, entity types, flows and pages in folders.

Intents, entity types and answers of routes map; pages are a graph of states, of which parameters become questions.
"""

from pathlib import PurePosixPath
from typing import Any

from botyard.features.chatbots.content import Ask, Content, Entity, Flow, Intent, Reply, Say, Slot, Step
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import archive, plain
from botyard.features.chatbots.formats.imported import Imported, Report, usable
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.kit.errors import Invalid

_CODE = "It calls code outside (webhook); let a flow or a webhook of ours do that."
_GRAPH = "Where its routes lead by conditions is not kept; write it as branches of a flow."
_SYSTEM = "Values that Dialogflow's own entities find are found by ours."


def is_agent(files: dict[str, bytes]) -> bool:
    """Whether an archive holds such an agent."""
    return any(name.startswith("intents/") and "/trainingPhrases/" in name for name in files) or (
        any(name.startswith("flows/") and name.endswith(".json") for name in files) and "agent.json" in files
    )


def read(data: bytes, filename: str = "") -> Imported:
    """The agent in a zip. Raises Invalid where there is none."""
    files = archive.unpacked(data)
    if not is_agent(files):
        raise Invalid("The archive holds no agent of Dialogflow CX: no intents with training phrases.")
    agent = mapping(plain.json_of(files["agent.json"], "agent.json")) if "agent.json" in files else {}
    reader = _Reader(files, str(agent.get("defaultLanguageCode") or "en"))
    reader.all()
    imported = Imported(
        format="dialogflow_cx",
        name=str(agent.get("displayName") or "")[:200],
        language=reader.content.language,
        examples=usable(reader.examples, reader.report),
        content=reader.content,
        responses=reader.replies(),
    )
    for what in ("intents", "entities", "slots", "responses", "flows"):
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

    def all(self) -> None:
        """Entity types, intents, then the flows that refer to them."""
        for name in sorted(self.files):
            parts = PurePosixPath(name).parts
            if parts[0] == "entityTypes" and len(parts) == 3:
                self._entity(mapping(self._json(name)), name.rsplit("/", 1)[0])
        for name in sorted(self.files):
            parts = PurePosixPath(name).parts
            if parts[0] == "intents" and len(parts) == 3:
                self._intent(mapping(self._json(name)), name.rsplit("/", 1)[0])
        for name in sorted(self.files):
            parts = PurePosixPath(name).parts
            if parts[0] == "flows" and name.endswith(".json"):
                self._flow_or_page(parts, mapping(self._json(name)))
        for folder in ("webhooks", "testCases", "generators", "playbooks", "tools"):
            if found := [name for name in self.files if name.startswith(f"{folder}/")]:
                self.report.lost(
                    folder, PurePosixPath(found[0]).stem, "Botyard has no counterpart of this kind."
                )

    def replies(self) -> dict[str, str]:
        """The first wording of each intent's response."""
        found = {}
        for name, intent in self.content.intents.items():
            texts = [reply.text for reply in self.content.responses.get(intent.response, []) if reply.text]
            if texts:
                found[name] = texts[0]
        return found

    def _json(self, name: str) -> Any:
        return plain.json_of(self.files[name], name)

    def _languages(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        """The files of a folder that holds one for each language."""
        found = []
        for name in sorted(self.files):
            path = PurePosixPath(name)
            if str(path.parent) == folder and path.suffix == ".json":
                found.append((path.stem, mapping(self._json(name))))
        return found

    def _entity(self, raw: dict[str, Any], folder: str) -> None:
        name = str(raw.get("displayName") or PurePosixPath(folder).name)
        entity = self.content.entities.setdefault(name, Entity())
        for _, entries in self._languages(f"{folder}/entities"):
            for entry in map(mapping, items(entries.get("entities"))):
                value = str(entry.get("value", ""))
                synonyms = [str(each) for each in items(entry.get("synonyms"))]
                if "REGEXP" in str(raw.get("kind")):
                    entity.patterns += synonyms or [value]
                elif value:
                    known = entity.values.setdefault(value, [])
                    known += [each for each in synonyms if each != value and each not in known]

    def _intent(self, raw: dict[str, Any], folder: str) -> None:
        name = str(raw.get("displayName") or PurePosixPath(folder).name)
        self.content.intents.setdefault(name, Intent(description=str(raw.get("description") or "")))
        kinds = {
            str(mapping(each).get("id")): str(mapping(each).get("entityType") or "").rsplit("/", 1)[-1]
            for each in items(raw.get("parameters"))
        }
        for language, phrases in self._languages(f"{folder}/trainingPhrases"):
            if language not in (self.content.language, *self.content.languages):
                self.content.languages.append(language)
            for phrase in map(mapping, items(phrases.get("trainingPhrases"))):
                example = self._example(name, kinds, [mapping(part) for part in items(phrase.get("parts"))])
                example.language = "" if language == self.content.language else language
                self.examples.append(example)

    def _example(self, intent: str, kinds: dict[str, str], parts: list[dict[str, Any]]) -> NewExample:
        text, marks = "", []
        for part in parts:
            piece, parameter = str(part.get("text") or ""), str(part.get("parameterId") or "")
            if parameter and piece.strip():
                entity = self._entity_name(kinds.get(parameter) or parameter)
                left = len(piece) - len(piece.lstrip())
                mark = {"start": len(text) + left, "end": len(text) + len(piece.rstrip()), "entity": entity}
                marks.append(mark | ({"role": parameter} if parameter != entity else {}))
            text += piece
        return NewExample(text=text, intent=intent, entities=marks)

    def _entity_name(self, kind: str) -> str:
        if kind.startswith("sys."):
            self.report.partly("entity", kind, _SYSTEM)
        name = kind.removeprefix("sys.")
        self.content.entities.setdefault(name, Entity())
        return name

    def _flow_or_page(self, parts: tuple[str, ...], raw: dict[str, Any]) -> None:
        name = str(raw.get("displayName") or PurePosixPath(parts[-1]).stem)
        if "form" in raw or "pages" in parts:
            self._page(f"{parts[1]} / {name}", raw)
        for route in map(mapping, items(raw.get("transitionRoutes"))):
            self._route(name, route)
        for handler in map(mapping, items(raw.get("eventHandlers"))):
            self._event(name, handler)

    def _route(self, place: str, raw: dict[str, Any]) -> None:
        intent, action = str(raw.get("intent") or ""), mapping(raw.get("triggerFulfillment"))
        replies = self._texts(place, action)
        if raw.get("condition") or not intent:
            self.report.lost("route", f"of {place}", _GRAPH)
            return
        if raw.get("targetPage") or raw.get("targetFlow"):
            self.report.partly("route", f"{intent} of {place}", _GRAPH)
        known = self.content.intents.setdefault(intent, Intent())
        if replies and not known.response:
            known.response = f"answer {intent}"[:200]
            self.content.responses[known.response] = replies
        elif replies:
            self.report.lost(
                "answer", f"to {intent} of {place}", "This intent is answered elsewhere already."
            )

    def _event(self, place: str, raw: dict[str, Any]) -> None:
        event, replies = (
            str(raw.get("event") or ""),
            self._texts(place, mapping(raw.get("triggerFulfillment"))),
        )
        settings = self.content.settings
        if event == "sys.no-match-default" and replies and not settings.fallback:
            settings.fallback = "fallback"
            self.content.responses["fallback"] = replies
        elif event != "sys.no-match-default" and event != "sys.no-input-default":
            self.report.lost("event", f"{event} of {place}", "Botyard does not know this event.")

    def _texts(self, place: str, action: dict[str, Any]) -> list[Reply]:
        if action.get("webhook"):
            self.report.lost("webhook", f"of {place}", _CODE)
        replies = []
        for message in map(mapping, items(action.get("messages"))):
            texts = items(mapping(message.get("text")).get("text"))
            language = str(message.get("languageCode") or "")
            language = "" if language == self.content.language else language[:16]
            replies += [Reply(text=str(text), language=language) for text in texts if str(text).strip()]
            if not texts:
                self.report.partly("answer", f"of {place}", "Only its texts are kept.")
        return replies

    def _page(self, name: str, raw: dict[str, Any]) -> None:
        """A page that asks for parameters becomes a flow that asks for slots."""
        steps: list[Step] = []
        if said := self._texts(name, mapping(raw.get("entryFulfillment"))):
            steps.append(Say(id="say", response=self._keep(name, said)))
        for parameter in map(mapping, items(mapping(raw.get("form")).get("parameters"))):
            steps.append(self._question(name, parameter))
        if steps:
            self.content.flows.append(Flow(id=name[:200], steps=steps))
            self.report.partly(
                "page", name, "It starts on no intent; give it one, or call it from another flow."
            )

    def _question(self, page: str, raw: dict[str, Any]) -> Ask:
        slot_name = str(raw.get("displayName") or raw.get("id") or "parameter")
        kind = str(raw.get("entityType") or "").rsplit("/", 1)[-1]
        slot = self.content.slots.setdefault(slot_name, Slot())
        slot.entity = self._entity_name(kind) if kind and kind != "sys.any" else ""
        slot.type = "list" if raw.get("isList") else ("number" if kind == "sys.number" else "text")
        prompt = mapping(mapping(raw.get("fillBehavior")).get("initialPromptFulfillment"))
        name = f"{page} / {slot_name}"
        said = self._texts(name, prompt) or [Reply(text=f"{slot_name}?")]
        return Ask(id=f"ask {slot_name}", slot=slot_name, response=self._keep(f"ask {name}", said))

    def _keep(self, name: str, replies: list[Reply]) -> str:
        self.content.responses[name[:200]] = replies
        return name[:200]
