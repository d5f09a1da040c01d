"""What differs between two versions: what they say and do, section by section in words, and what they learned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from botyard.features.chatbots import artifacts, intent_changes, versions
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import Content
from botyard.features.chatbots.intent_changes import IntentChange
from botyard.features.chatbots.models import BotVersion, ModelVersion
from botyard.kit.db import Database

_LONGEST = 300  # characters of a value


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that came, went or changed; `lines` say how, each as a place, what was and what is."""

    kind: Literal["added", "removed", "changed"]
    name: str
    lines: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Section:
    """The changes of one section of the content."""

    title: str
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions with the model in it."""

    version: BotVersion
    model: ModelVersion | None

    def figure(self, name: str) -> float | None:
        """A held-out figure of the model: accuracy, macro_f1."""
        found = (self.model.metrics if self.model else {}).get(name)
        return float(found) if isinstance(found, int | float) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs. `intents` has those whose figure or number of examples changed, the worst first."""

    former: Side
    later: Side
    sections: list[Section]
    intents: list[IntentChange]
    same_model: bool


async def compare(
    db: Database, chatbot_id: str, former_id: str, later_id: str, *, owner_id: int
) -> Comparison:
    """Two versions of a chatbot. Raises NoSuchChatbot, NoSuchVersion."""
    async with db.reader() as session:
        await chatbots.get(session, chatbot_id, owner_id=owner_id)
        sides = []
        for version_id in (former_id, later_id):
            version = await versions.get(session, version_id, chatbot_id=chatbot_id)
            model = await session.get(ModelVersion, version.model_id) if version.model_id else None
            sides.append(Side(version, model))
    former, later = sides
    same = former.version.model_id == later.version.model_id
    return Comparison(
        former=former,
        later=later,
        sections=content_changes(contents.read(former.version.content), contents.read(later.version.content)),
        intents=[] if same else intent_changes.between(await _report(db, former), await _report(db, later)),
        same_model=same,
    )


async def _report(db: Database, side: Side) -> dict[str, Any]:
    """What the training of a side's model said; nothing where it has none."""
    if side.model is None:
        return {}
    found: dict[str, Any] = msgspec.json.decode(
        await artifacts.get(db, side.model.owner_id, side.model.report)
    )
    return found


def content_changes(former: Content, later: Content) -> list[Section]:
    """What differs in what is said and done; sections without a change are left out."""
    before, after = _sections(former), _sections(later)
    found = [Section(title, list(_changes(before[title], after[title]))) for title in before]
    return [section for section in found if section.changes]


def _sections(content: Content) -> dict[str, dict[str, Any]]:
    """Every section as named things with plain values."""
    raw = contents.write(content)
    return {
        "Responses": raw.get("responses", {}),
        "Intents": raw.get("intents", {}),
        "Flows": {flow["id"]: _flow(flow) for flow in raw.get("flows", [])},
        "Rules": {_rule(rule): rule for rule in raw.get("rules", [])},
        "Slots": raw.get("slots", {}),
        "Entities": raw.get("entities", {}),
        "Settings": {
            **{_words(name): value for name, value in raw.get("settings", {}).items()},
            "language": raw.get("language", "en"),
            "further languages": raw.get("languages", []),
        },
    }


def _flow(flow: dict[str, Any]) -> dict[str, Any]:
    """The flow with its steps by their ids, and their order as one value."""
    steps = flow.get("steps", [])
    return {
        **{key: value for key, value in flow.items() if key not in ("id", "steps")},
        "order of steps": " → ".join(step["id"] for step in steps),
        "step": {step["id"]: step for step in steps},
    }


def _rule(rule: dict[str, Any]) -> str:
    """What a rule listens for: its name for people."""
    heard = f"“{rule['phrase']}”" if rule.get("phrase") else ""
    words = " + ".join(rule.get("words", []))
    return " or ".join(each for each in (heard, words) if each) or "a rule without words"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change("added", name, _lines({}, after[name]))
        elif name not in after:
            yield Change("removed", name, _lines(before[name], {}))
        elif before[name] != after[name]:
            yield Change("changed", name, _lines(before[name], after[name]))


def _lines(before: Any, after: Any) -> list[tuple[str, str, str]]:
    was, now = dict(_flat(before)), dict(_flat(after))
    places = [*was, *(place for place in now if place not in was)]
    return [
        (place, was.get(place, ""), now.get(place, ""))
        for place in places
        if was.get(place) != now.get(place)
    ]


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every single value with the words for where it stands."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _flat(each, f"{place} {_words(name)}".strip())
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for at, each in enumerate(value, start=1):
            yield from _flat(each, f"{place} {at}".strip() if len(value) > 1 else place)
    else:
        yield place, _said(value)


def _said(value: Any) -> str:
    """A single value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)[:_LONGEST]
    return "nothing" if value is None else str(value)[:_LONGEST]


def _words(name: str) -> str:
    """The name of a field for people."""
    return name.replace("_", " ")
