"""Botpress 12: its intents as JSON (one, a list, or the export of its NLU module), its questions and answers, and the
archive of a whole bot, of which intents, entities and questions map."""

import re
from pathlib import PurePosixPath
from typing import Any

from botyard.features.chatbots.content import Content, Entity, Intent, Reply, Slot
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import archive, plain
from botyard.features.chatbots.formats.imported import Imported, Report, usable
from botyard.features.chatbots.formats.rasa import markup
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.kit.errors import Invalid

_CONTEXTS = "It counts in every context: what depends on the place in a conversation is written as a flow."
_GRAPH = "Flows of Botpress are drawn in nodes with code; write it as a flow here."


def is_bot(files: dict[str, bytes]) -> bool:
    """Whether an archive holds a bot of Botpress."""
    return any(PurePosixPath(name).name == "bot.config.json" for name in files)


def is_export(value: Any) -> bool:
    """Whether a JSON value is one of its exports."""
    if isinstance(value, list):
        return bool(value) and all(_is_intent(each) for each in value)
    known = mapping(value)
    if "qnas" in known:
        return True
    return _is_intent(known) or any(_is_intent(each) for each in items(known.get("intents")))


def read(data: bytes, filename: str = "") -> Imported:
    """What a JSON file or an archive of Botpress holds. Raises Invalid where it is none."""
    reader = _Reader()
    if archive.is_zip(data) or archive.is_tgz(data):
        reader.archive(archive.unpacked(data))
    else:
        value = plain.json_of(data)
        if not is_export(value):
            raise Invalid("The file is no export of Botpress: it has no intents with utterances.")
        reader.value(value)
    if not reader.examples and not reader.content.entities:
        raise Invalid("The file holds no intents of Botpress.")
    return reader.imported()


class _Reader:
    """Gathers intents, entities and questions."""

    def __init__(self) -> None:
        self.report = Report()
        self.content = Content()
        self.examples: list[NewExample] = []
        self.responses: dict[str, str] = {}
        self.languages: dict[str, int] = {}

    def value(self, value: Any) -> None:
        """Take in one JSON export."""
        known = mapping(value)
        intents = (
            [value] if _is_intent(value) else (value if isinstance(value, list) else known.get("intents"))
        )
        for entity in map(mapping, items(known.get("entities"))):
            self._entity(entity)
        for intent in map(mapping, items(intents)):
            self._intent(intent)
        for question in map(mapping, items(known.get("qnas"))):
            self._question(question)

    def archive(self, files: dict[str, bytes]) -> None:
        """Take in a whole bot."""
        for name in sorted(files):
            parts = PurePosixPath(name).parts
            folder = parts[-2] if len(parts) > 1 else ""
            if not name.endswith(".json"):
                continue
            if folder == "entities":
                self._entity(mapping(plain.json_of(files[name], name)))
            elif folder == "intents":
                self._intent(mapping(plain.json_of(files[name], name)))
            elif folder == "qna":
                self._question(mapping(plain.json_of(files[name], name)))
            elif folder == "flows" and name.endswith(".flow.json"):
                self.report.lost("flow", PurePosixPath(name).name, _GRAPH)

    def imported(self) -> Imported:
        """What was gathered; the language of most examples is that of the dataset."""
        language = max(self.languages, key=lambda each: self.languages[each], default="en")
        for example in self.examples:
            example.language = "" if example.language == language else example.language
        for replies in self.content.responses.values():
            for reply in replies:
                reply.language = "" if reply.language == language else reply.language
        self.content.language = language
        self.content.languages = sorted(self.languages.keys() - {language})
        good = usable(self.examples, self.report)
        self.report.mapped("examples", len(good))
        for what in ("intents", "entities", "slots", "responses"):
            self.report.mapped(what, len(getattr(self.content, what)))
        return Imported(
            format="botpress",
            language=language,
            examples=good,
            responses=self.responses,
            content=self.content,
            report=self.report.notes(),
        )

    def _intent(self, raw: dict[str, Any]) -> None:
        name = str(raw.get("name") or "")
        if not name:
            self.report.lost("intent", "without name", "It has no name.")
            return
        self.content.intents.setdefault(name, Intent())
        if [each for each in items(raw.get("contexts")) if each != "global"]:
            self.report.partly("intent", name, _CONTEXTS)
        kinds = {}
        for slot in map(mapping, items(raw.get("slots"))):
            kinds[str(slot.get("name"))] = self._slot(slot)
        for language, utterances in mapping(raw.get("utterances")).items():
            for utterance in items(utterances):
                self._utterance(name, str(utterance), language, kinds)

    def _slot(self, raw: dict[str, Any]) -> str:
        """The entity that a slot of an intent takes, which is what its marks mean."""
        name = str(raw.get("name") or "")
        entities = [str(each) for each in items(raw.get("entities"))] or [str(raw.get("entity") or name)]
        if len(entities) > 1:
            self.report.partly("slot", name, "Only the first of its entities is kept.")
        kind = name if entities[0] == "any" else entities[0].removeprefix("system.")
        self.content.slots.setdefault(name, Slot(entity=kind))
        return kind

    def _utterance(self, intent: str, text: str, language: str, kinds: dict[str, str]) -> None:
        example, problem = markup.read(text, intent)
        example.language = language
        if problem:
            self.report.partly("example", text[:60], f"In it {problem}; its text is kept without that mark.")
        for mark in example.entities:
            slot = mark["entity"]
            mark["entity"] = kinds.get(slot, slot)
            if slot != mark["entity"]:
                mark["role"] = slot
            entity = self.content.entities.setdefault(mark["entity"], Entity())
            if slot != mark["entity"] and slot not in entity.roles:
                entity.roles.append(slot)
        self.languages[language] = self.languages.get(language, 0) + 1
        self.examples.append(example)

    def _entity(self, raw: dict[str, Any]) -> None:
        name, kind = str(raw.get("name") or ""), raw.get("type")
        if kind == "system" or not name:
            return
        entity = self.content.entities.setdefault(name, Entity())
        if raw.get("pattern"):
            entity.patterns.append(("" if raw.get("matchCase") else "(?i)") + str(raw["pattern"]))
        for occurrence in map(mapping, items(raw.get("occurrences"))):
            synonyms = [str(each) for each in items(occurrence.get("synonyms"))]
            entity.values.setdefault(str(occurrence.get("name")), []).extend(synonyms)

    def _question(self, raw: dict[str, Any]) -> None:
        data = mapping(raw.get("data")) or raw
        asked, answers = mapping(data.get("questions")), mapping(data.get("answers"))
        first = next(
            (str(each) for texts in asked.values() for each in items(texts)), str(raw.get("id") or "")
        )
        name = "faq/" + (re.sub(r"\W+", "_", first).strip("_").lower()[:60] or "question")
        if data.get("enabled") is False:
            self.report.lost("question", first, "It is switched off.")
            return
        if data.get("redirectFlow"):
            self.report.partly("question", first, _GRAPH)
        replies = [
            Reply(text=str(text), language=language)
            for language, texts in answers.items()
            for text in items(texts)
            if isinstance(text, str) and text.strip()
        ]
        intent = self.content.intents.setdefault(name, Intent(title=first[:200]))
        if replies:
            intent.response = f"answer {name}"[:200]
            self.content.responses[intent.response] = replies
            self.responses[name] = replies[0].text
        for language, texts in asked.items():
            for text in items(texts):
                self._utterance(name, str(text), language, {})


def _is_intent(value: Any) -> bool:
    known = mapping(value)
    return "name" in known and isinstance(known.get("utterances"), dict)
