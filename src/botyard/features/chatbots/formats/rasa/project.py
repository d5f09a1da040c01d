"""Reading a project of Rasa: one YAML file, or a zip of many."""

import json
from pathlib import PurePosixPath
from typing import Any

import msgspec

from botyard.features.chatbots import content as contents
from botyard.features.chatbots.content import Flow, Intent
from botyard.features.chatbots.formats import archive, plain, safe_yaml
from botyard.features.chatbots.formats.imported import Imported, usable
from botyard.features.chatbots.formats.rasa import domain, flows, nlu, rules, sidecar
from botyard.features.chatbots.formats.rasa.draft import Draft
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.kit.errors import Invalid

KEYS = {
    "nlu", "rules", "stories", "flows", "intents", "entities", "slots", "responses", "templates", "forms", "actions",
    "session_config", "e2e_actions",
}  # fmt: skip
_DOMAIN = KEYS - {"nlu", "rules", "stories", "flows"}
_CONFIG = {
    "pipeline",
    "policies",
    "recipe",
    "language",
    "assistant_id",
    "imports",
    "llm",
    "additional_languages",
}
_TESTS = ("tests", "e2e_tests", "dialogue_understanding_tests", "results", "models", ".rasa", "cache")
_TRAINED_HERE = "Botyard trains by a recipe of its own."


def read(data: bytes, filename: str = "") -> Imported:
    """The project in these bytes. Raises Invalid where nothing of it is Rasa's."""
    files = (
        archive.unpacked(data) if archive.is_zip(data) or archive.is_tgz(data) else {filename or "file": data}
    )
    draft = Draft()
    sections = _sections(draft, files)
    domain.read(draft, [section for section in sections if section.keys() & _DOMAIN])
    for section in sections:
        nlu.read(draft, section.get("nlu"))
    for section in sections:
        flows.read(draft, section.get("flows"))
    every = [each for section in sections for each in items(section.get("rules"))]
    told = [each for section in sections for each in items(section.get("stories"))]
    rules.read(draft, every, told)
    nlu.settle(draft)
    _retrieval(draft)
    _default_fallback(draft)
    _check_targets(draft, draft.content.flows)
    examples = usable(draft.examples, draft.report)
    imported = Imported(
        format="rasa", language=draft.content.language, examples=examples, content=draft.content
    )
    imported.extras = draft.extras
    if sidecar.NAME in files:
        sidecar.apply(imported, plain.json_of(files[sidecar.NAME], sidecar.NAME), draft.report)
    else:
        imported.responses = _plain_replies(draft)
    _finish(draft, imported)
    return imported


def _sections(draft: Draft, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The files that are Rasa's, each as an object of its keys."""
    found = []
    for name, data in sorted(files.items()):
        if any(part in _TESTS for part in PurePosixPath(name).parts[:-1]):
            continue
        if b"rasa_nlu_data" in data[:2000] and not name.endswith((".yml", ".yaml")):
            nlu.read_json(draft, plain.json_of(data, name))
        elif name.endswith((".yml", ".yaml")) or len(files) == 1:
            section = mapping(safe_yaml.load(plain.decoded(data)[0], name))
            if section.keys() & KEYS and "test_cases" not in section:
                found.append(section)
            _settings(draft, name, section)
        elif name.endswith(".md") and b"## intent:" in data:
            draft.report.lost("file", name, "It is Markdown of Rasa 1; convert it with Rasa 2 first.")
        elif name.endswith(".py") and b"Action" in data:
            draft.report.lost("file", name, "It is code, which does not run here.")
    if not found and not draft.examples:
        raise Invalid("The file holds no project of Rasa: no nlu, domain, rules, stories or flows.")
    return found


def _settings(draft: Draft, name: str, section: dict[str, Any]) -> None:
    """Files that set Rasa itself up: only the language means something here."""
    if not section.keys() & _CONFIG or section.keys() & KEYS:
        return
    language = str(section.get("language") or "")
    if language:
        draft.content.language = language[:16]
    draft.content.languages = [str(each)[:16] for each in items(section.get("additional_languages"))]
    for key in ("pipeline", "policies"):
        if section.get(key):
            draft.report.lost("setting", f"{key} in {name}", _TRAINED_HERE)


def _retrieval(draft: Draft) -> None:
    """`faq/ask_price` is answered by `utter_faq/ask_price`, without a rule of its own."""
    names = list(dict.fromkeys(example.intent for example in draft.examples))
    for name in names:
        if "/" not in name:
            continue
        draft.content.intents.pop(name.split("/")[0], None)
        response = f"utter_{name}"
        if response in draft.content.responses:
            intent = draft.content.intents.setdefault(name, Intent())
            intent.response = intent.response or response
    for name in names:
        draft.content.intents.setdefault(name, Intent())


def _default_fallback(draft: Draft) -> None:
    settings = draft.content.settings
    if not settings.fallback and "utter_default" in draft.content.responses:
        settings.fallback = "utter_default"


def _plain_replies(draft: Draft) -> dict[str, str]:
    """What a dataset holds of responses: those of intents that are one text."""
    found = {}
    for name, intent in draft.content.intents.items():
        texts = {reply.text for reply in draft.content.responses.get(intent.response, []) if reply.text}
        if len(texts) == 1:
            found[name] = texts.pop()
    return found


def _finish(draft: Draft, imported: Imported) -> None:
    content = imported.content
    assert content is not None
    for flow in content.flows:
        called = any(flow.id == getattr(step, "flow", "") for each in content.flows for step in each.steps)
        if not flow.intents and not called:
            why = "It starts on no intent: give it one with examples, a button, or a language model."
            draft.report.partly("flow", flow.id, why)
    _count(draft, imported)
    imported.report = draft.report.notes()
    _valid(imported)


def _check_targets(draft: Draft, all_flows: list[Flow]) -> None:
    """A step that names one that is not there would stop the flow: let it end there, and say so."""
    ids = {flow.id for flow in all_flows}
    for flow in all_flows:
        known = {step.id for step in flow.steps} | {"", "end"}
        for step in flow.steps:
            branches = getattr(step, "branches", [])
            for place in (step, *branches):
                if place.next not in known:
                    draft.report.partly("flow", flow.id, f"It goes on at {place.next}, which is not there.")
                    place.next = "end"
            if getattr(step, "flow", "") and step.flow not in ids:  # type: ignore[union-attr]
                why = f"It calls {step.flow}, which is not there."  # type: ignore[union-attr]
                draft.report.partly("flow", flow.id, why)


def _count(draft: Draft, imported: Imported) -> None:
    content = imported.content
    assert content is not None
    report = draft.report
    report.mapped("examples", len(imported.examples))
    report.mapped("intents", len(content.intents))
    report.mapped("entities", len(content.entities))
    report.mapped("slots", len(content.slots))
    report.mapped("responses", len(content.responses))
    report.mapped("flows", len(content.flows))


def _valid(imported: Imported) -> None:
    """Let the content be checked as any other is: names too long, texts too long. Raises Invalid."""
    assert imported.content is not None
    try:
        contents.read(json.loads(msgspec.json.encode(contents.write(imported.content))))
    except TypeError as error:
        raise Invalid(f"The project holds a value that is no JSON: {error}.") from None
