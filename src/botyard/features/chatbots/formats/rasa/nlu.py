"""Training data: examples by intent, synonyms, lookup tables, regular expressions."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from botyard.features.chatbots.content import Entity
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats.rasa import markup
from botyard.features.chatbots.formats.rasa.draft import Draft
from botyard.features.chatbots.formats.reading import items, mapping
from botyard.features.chatbots.formats.safe_yaml import Block

_DASH = re.compile(r"^\s*-(?:\s(.*)|$)")
_NO_VALUES = "It has no examples."


def read(draft: Draft, section: Any) -> None:
    """Take in one `nlu` section."""
    for entry in map(mapping, items(section)):
        if "intent" in entry:
            _intent(draft, str(entry["intent"]), entry)
        elif "synonym" in entry:
            kept = draft.extras.setdefault("synonyms", {}).setdefault(str(entry["synonym"]), [])
            kept += [line for line in _lines(entry) if line not in kept]
        elif "lookup" in entry:
            _lookup(draft, str(entry["lookup"]), entry)
        elif "regex" in entry:
            kept = draft.extras.setdefault("regex", {}).setdefault(str(entry["regex"]), [])
            kept += [line for line in _lines(entry) if line not in kept]
        else:
            what = ", ".join(entry) or "an empty entry"
            draft.report.lost("training data", what, "This kind of entry is not known.")


def read_json(draft: Draft, data: Any) -> None:
    """Take in the JSON that Rasa wrote before it had YAML."""
    known = mapping(mapping(data).get("rasa_nlu_data"))
    for entry in map(mapping, items(known.get("common_examples"))):
        marks = [
            {
                "start": mark.get("start"),
                "end": mark.get("end"),
                "entity": mark.get("entity"),
                **{key: str(mark[key]) for key in ("value", "role", "group") if mark.get(key) is not None},
            }
            for mark in map(mapping, items(entry.get("entities")))
        ]
        text, intent = str(entry.get("text", "")), str(entry.get("intent", ""))
        draft.examples.append(NewExample(text=text, intent=intent, entities=marks))
    for entry in map(mapping, items(known.get("entity_synonyms"))):
        synonyms = draft.extras.setdefault("synonyms", {})
        synonyms.setdefault(str(entry.get("value")), []).extend(map(str, items(entry.get("synonyms"))))
    for entry in map(mapping, items(known.get("regex_features"))):
        regex = draft.extras.setdefault("regex", {})
        regex.setdefault(str(entry.get("name")), []).append(str(entry.get("pattern")))
    for entry in map(mapping, items(known.get("lookup_tables"))):
        _values(draft, str(entry.get("name")), [str(each) for each in items(entry.get("elements"))])


def settle(draft: Draft) -> None:
    """Give synonyms and patterns to their entities, once all files are read."""
    _settle_synonyms(draft)
    regex = draft.extras.pop("regex", {})
    features = {}
    for name, patterns in regex.items():
        if name in draft.content.entities:
            entity = draft.content.entities[name]
            entity.patterns += [each for each in patterns if each not in entity.patterns]
        else:
            features[name] = patterns
            why = (
                "It belongs to no entity and is only a hint for Rasa's own training; it is kept for exports."
            )
            draft.report.partly("regular expression", name, why)
    if features:
        draft.extras["regex"] = features


def _settle_synonyms(draft: Draft) -> None:
    owners = _owners(draft)
    left = {}
    for value, synonyms in draft.extras.pop("synonyms", {}).items():
        entities = {
            each for text in (value, *synonyms) for each in owners.get(text.casefold(), ())
        } & draft.content.entities.keys()
        for name in sorted(entities):
            known = draft.content.entities[name].values.setdefault(value, [])
            known += [each for each in synonyms if each not in known]
        if not entities:
            left[value] = synonyms
            why = "No entity has this value in an example or a lookup table; it is kept for exports."
            draft.report.partly("synonym", value, why)
    if left:
        draft.extras["synonyms"] = left


def _owners(draft: Draft) -> dict[str, set[str]]:
    """Which entities each value, or text that stands for one, was seen with."""
    owners: dict[str, set[str]] = {}
    for example in draft.examples:
        for mark in example.entities:
            if not isinstance(mark["start"], int) or not isinstance(mark["end"], int):
                continue
            for text in (mark.get("value"), example.text[mark["start"] : mark["end"]]):
                if text:
                    owners.setdefault(text.casefold(), set()).add(str(mark["entity"]))
    for name, entity in draft.content.entities.items():
        for value, synonyms in entity.values.items():
            for text in (value, *synonyms):
                owners.setdefault(text.casefold(), set()).add(name)
    return owners


def _intent(draft: Draft, intent: str, entry: dict[str, Any]) -> None:
    examples = entry.get("examples")
    if isinstance(examples, list):
        for each in examples:
            wrapped = mapping(each)
            metadata = mapping(wrapped.pop("metadata", None))
            language = str(metadata.pop("language", ""))
            if metadata:
                draft.report.partly("intent", intent, "Notes beside its examples (`metadata`) are not kept.")
            text = str(wrapped.get("text", "")) if wrapped else str(each)
            _example(draft, text.rstrip("\n"), intent, language)
    else:
        for line in _lines(entry):
            _example(draft, line, intent, "")
    if "metadata" in entry:
        draft.report.partly("intent", intent, "Notes beside it (`metadata`) are not kept.")


def _example(draft: Draft, marked: str, intent: str, language: str) -> None:
    example, problem = markup.read(marked, intent)
    example.language = language
    if problem:
        draft.report.partly("example", marked[:60], f"In it {problem}; its text is kept without that mark.")
    for mark in example.entities:
        entity = draft.content.entities.setdefault(mark["entity"], Entity())
        role = mark.get("role")
        if role and role not in entity.roles:
            entity.roles.append(role)
    draft.examples.append(example)


def _lookup(draft: Draft, name: str, entry: dict[str, Any]) -> None:
    lines = list(_lines(entry))
    if not lines:
        draft.report.lost("lookup table", name, "It names a file instead of values; write them into it.")
    _values(draft, name, lines)


def _values(draft: Draft, name: str, values: list[str]) -> None:
    known = draft.content.entities.setdefault(name, Entity()).values
    for value in values:
        known.setdefault(value, [])


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    """The examples of an entry, which are one text of lines that begin with a dash."""
    examples = entry.get("examples")
    if isinstance(examples, list):
        yield from (str(mapping(each).get("text", each)) for each in examples)
        return
    for line in str(examples or "").splitlines():
        match = _DASH.match(line)
        if match and (match[1] or "").strip():
            yield match[1].strip()
        elif line.strip() and not match:
            yield line.strip()


def write(
    examples: Iterable[NewExample], entities: dict[str, Entity], extras: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[NewExample]]:
    """The `nlu` section, and the examples that cannot be written in it."""
    by_intent: dict[str, list[NewExample]] = {}
    for example in examples:
        by_intent.setdefault(example.intent, []).append(example)
    section, left = [], []
    for intent, those in by_intent.items():
        entry, unwritten = _written(intent, those)
        left += unwritten
        if entry:
            section.append(entry)
    return section + _tables(entities, extras), left


def _written(intent: str, examples: list[NewExample]) -> tuple[dict[str, Any] | None, list[NewExample]]:
    marked = [(example, markup.write(example)) for example in examples]
    left = [example for example, text in marked if text is None]
    good = [(example, text) for example, text in marked if text is not None]
    if not good:
        return None, left
    if all(not example.language and _one_line(text) for example, text in good):
        return {"intent": intent, "examples": _block(text for _, text in good)}, left
    listed = [
        {"text": text, **({"metadata": {"language": example.language}} if example.language else {})}
        for example, text in good
    ]
    return {"intent": intent, "examples": listed}, left


def _tables(entities: dict[str, Entity], extras: dict[str, Any]) -> list[dict[str, Any]]:
    tables = []
    synonyms: dict[str, list[str]] = {key: list(of) for key, of in mapping(extras.get("synonyms")).items()}
    for name, entity in entities.items():
        if entity.values:
            tables.append({"lookup": name, "examples": _listed(list(entity.values))})
        if entity.patterns:
            tables.append({"regex": name, "examples": _listed(entity.patterns)})
        for value, others in entity.values.items():
            known = synonyms.setdefault(value, [])
            known += [each for each in others if each not in known]
    for name, patterns in mapping(extras.get("regex")).items():
        tables.append({"regex": name, "examples": _listed(items(patterns))})
    tables += [{"synonym": value, "examples": _listed(of)} for value, of in synonyms.items() if of]
    return tables


def _listed(values: list[str]) -> Any:
    return _block(values) if all(map(_one_line, values)) else values


def _block(lines: Iterable[str]) -> Block:
    return Block("".join(f"- {line}\n" for line in lines))


def _one_line(text: str) -> bool:
    return len(text.splitlines()) == 1 and text.strip() == text
