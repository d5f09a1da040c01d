"""What the pages of examples share: which dataset is looked at, how a text with its marks is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from botyard.features.chatbots import datasets
from botyard.features.chatbots.models import Dataset, Example
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Session
from botyard.kit.errors import NotFound
from botyard.web.chatbots.frame import ROOT
from botyard.web.forms import Fields
from botyard.web.lists import address


@dataclass(frozen=True, slots=True)
class Choice:
    """The datasets of an account and the one that is looked at; `own` says whether the chatbot learned from it."""

    all: list[Dataset]
    dataset: Dataset | None
    own: bool


async def choice(session: Session, chatbot: ChatbotInfo, wanted: str) -> Choice:
    """The dataset that was asked for, else the chatbot's own. Raises NoSuchDataset."""
    found, _ = await datasets.list_page(session, owner_id=chatbot.owner_id, limit=datasets.MAX_DATASETS)
    dataset: Dataset | None
    if wanted:
        dataset = await datasets.get(session, wanted, owner_id=chatbot.owner_id)
    else:
        dataset = next((each for each in found if each.id == chatbot.dataset_id), None)
    return Choice(found, dataset, dataset is not None and dataset.id == chatbot.dataset_id)


def place(chatbot: ChatbotInfo, path: str = "", **params: object) -> str:
    """An address below the chatbot's examples."""
    return address(f"{ROOT}/{chatbot.id}/examples{path}", params)


def back(request: Request, chatbot: ChatbotInfo, form: Fields) -> str:
    """The list that a form was sent from, as it was filtered; never anything else."""
    start, asked = place(chatbot), form["back"]
    inside = asked == start or asked.startswith(f"{start}?")
    return asked if inside and asked.isprintable() else address(start, {"dataset": form["dataset"]})


def number_of(text: str) -> int:
    """An id out of a form. Raises NotFound for what is none."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise NotFound("This dataset has no such example.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: plain, or marked as an entity."""

    text: str
    entity: str = ""
    more: str = ""  # value and role, where they are given


def pieces(text: str, marks: Sequence[dict[str, Any]]) -> list[Piece]:
    """A text cut where its marks begin and end; of overlapping ones the first is shown."""
    found: list[Piece] = []
    at = 0
    for mark in sorted(marks, key=lambda each: (each["start"], -each["end"])):
        start, end = mark["start"], mark["end"]
        if start < at or end > len(text) or start >= end:
            continue
        found.append(Piece(text[at:start]))
        more = " ".join(str(mark[key]) for key in ("value", "role") if mark.get(key))
        found.append(Piece(text[start:end], mark["entity"], more))
        at = end
    return [piece for piece in [*found, Piece(text[at:])] if piece.text]


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """An example as the table shows it."""

    example: Example

    @property
    def id(self) -> int:
        """Its id."""
        return self.example.id

    @property
    def pieces(self) -> list[Piece]:
        """Its text."""
        return pieces(self.example.text, self.example.entities)
