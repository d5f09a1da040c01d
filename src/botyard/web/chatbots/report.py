"""The report of a training as its page shows it: figures, changes, confusions, the curve, what to do next."""

from dataclasses import dataclass
from typing import Any

import msgspec

from botyard.features.chatbots import artifacts, training, versions
from botyard.features.chatbots.intent_changes import IntentChange, between
from botyard.features.chatbots.models import ModelVersion
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.training import TrainingInfo
from botyard.web.chatbots import heat
from botyard.web.chatbots.curve import Curve
from botyard.web.chatbots.curve import draw as draw_curve
from botyard.web.chatbots.dataset_choice import place
from botyard.web.chatbots.frame import ROOT
from botyard.web.chatbots.heat import Heat
from botyard.web.lists import address
from botyard.web.scene import Scene

_CHANGES = 8  # intents that fare better, and as many that fare worse
COLUMNS = (
    ("intent", "Intent"),
    ("examples", "Examples"),
    ("support", "Tested"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
)
RECIPES = {
    "tfidf": "Words and letters",
    "stacked": "Words and meaning together",
    "fusion": "Words and meaning side by side",
    "single": "One intent only",
}
_CHECKED = ("conflict", "duplicate", "near_duplicate", "mark", "language")


@dataclass(frozen=True, slots=True)
class Asked:
    """How the report is looked at: the order of intents, and which of them are on the map."""

    sort: str = "f1"
    about: str = ""
    whole: bool = False

    @classmethod
    def of(cls, scene: Scene) -> "Asked":
        """From the page's address; what makes no sense is left aside."""
        sort = scene.says("sort")
        known = {key for key, _ in COLUMNS}
        return cls(
            sort=sort if sort.removeprefix("-") in known else "f1",
            about=scene.says("about")[:200],
            whole=scene.says("map") == "all",
        )

    @property
    def params(self) -> dict[str, str]:
        """The same as parameters of an address."""
        return {
            "sort": "" if self.sort == "f1" else self.sort,
            "about": self.about,
            "map": "all" if self.whole else "",
        }


@dataclass(frozen=True, slots=True)
class ToDo:
    """A suggestion with the places where it is done."""

    kind: str
    message: str
    links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """A report, ready to be shown."""

    raw: dict[str, Any]
    number: int
    figures: list[dict[str, Any]]
    columns: list[tuple[str, str, str, str]]  # key, word, address, aria-sort
    pairs: list[tuple[int, dict[str, Any], str, str]]  # place, pair, where the examples of both are
    heat: Heat
    curve: Curve | None
    to_do: list[ToDo]
    asked: Asked
    maps: list[tuple[str, str, str]]
    names: list[str]
    former: int | None
    newest: int  # the model that is deployed next
    before: dict[str, Any]  # the report of the model before; empty where there is none
    worse: list[IntentChange]
    better: list[IntentChange]


async def read(scene: Scene, bot: ChatbotInfo, info: TrainingInfo, number: int) -> Told:
    """The report of a training that ended, beside that of the model before it."""
    raw = await training.report(scene.db, info.id, owner_id=bot.owner_id)
    newest, former, before = await _former(scene, bot, number)
    asked = Asked.of(scene)
    path = f"{ROOT}/{bot.id}/training/{info.id}"
    dataset = info.dataset_id or ""
    changes = between(before, raw) if before else []
    moved = [each for each in changes if each.delta is not None and abs(each.delta) >= 0.005]
    confused = sorted({name for pair in raw["confusions"] for name in (pair["intent"], pair["taken_for"])})
    return Told(
        raw=raw,
        number=number,
        figures=_sorted(raw["per_intent"], asked.sort),
        columns=_columns(path, asked),
        pairs=_pairs(raw, bot, dataset, asked),
        heat=heat.draw(raw, about=asked.about, everything=asked.whole),
        curve=draw_curve(raw["scope"]),
        to_do=[_to_do(each, bot, dataset) for each in raw["suggestions"]],
        asked=asked,
        maps=_maps(path, asked),
        names=confused,
        former=former.number if former else None,
        newest=newest,
        before=before,
        worse=[each for each in moved if (each.delta or 0) < 0][:_CHANGES],
        better=[each for each in moved if (each.delta or 0) > 0][::-1][:_CHANGES],
    )


async def _former(
    scene: Scene, bot: ChatbotInfo, number: int
) -> tuple[int, ModelVersion | None, dict[str, Any]]:
    """The number of the newest model, and the model before this one with its report."""
    async with scene.db.reader() as session:
        models = await versions.list_models(session, bot.id, limit=1000)
    newest = models[0].number if models else number
    former = next((model for model in models if model.number < number), None)
    if former is None:
        return newest, None, {}
    found: dict[str, Any] = msgspec.json.decode(await artifacts.get(scene.db, bot.owner_id, former.report))
    return newest, former, found


def _sorted(figures: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Intents in the order of a column; those that were not measured come last."""
    key, down = sort.removeprefix("-"), sort.startswith("-")
    known = [each for each in figures if each[key] is not None]
    rest = [each for each in figures if each[key] is None]
    return sorted(known, key=lambda each: each[key], reverse=down) + rest


def _columns(path: str, asked: Asked) -> list[tuple[str, str, str, str]]:
    found = []
    for key, word in COLUMNS:
        turned = "" if asked.sort != key else "-"
        link = address(path, {**asked.params, "sort": f"{turned}{key}"}) + "#per-intent"
        order = {key: "ascending", f"-{key}": "descending"}.get(asked.sort, "none")
        found.append((key, word, link, order))
    return found


def _pairs(
    raw: dict[str, Any], bot: ChatbotInfo, dataset: str, asked: Asked
) -> list[tuple[int, dict[str, Any], str, str]]:
    found = []
    for number, pair in enumerate(raw["confusions"]):
        if not asked.about or asked.about in (pair["intent"], pair["taken_for"]):
            one, other = (place(bot, dataset=dataset, intent=pair[key]) for key in ("intent", "taken_for"))
            found.append((number, pair, one, other))
    return found


def _maps(path: str, asked: Asked) -> list[tuple[str, str, str]]:
    start = {**asked.params, "about": "", "map": ""}
    return [
        ("worst", "The worst", address(path, start) + "#confusions"),
        ("all", "All that were mixed up", address(path, {**start, "map": "all"}) + "#confusions"),
    ]


def _to_do(suggestion: dict[str, Any], bot: ChatbotInfo, dataset: str) -> ToDo:
    kind, intents = suggestion["kind"], suggestion["intents"]
    if kind in _CHECKED:
        links = [("Look and mend", place(bot, "/check", dataset=dataset))]
    elif kind == "scope":
        links = [("Add examples", place(bot, dataset=dataset) + "#add")]
    else:
        links = [(name, place(bot, dataset=dataset, intent=name)) for name in intents[:8]]
    return ToDo(kind, suggestion["message"], links)
