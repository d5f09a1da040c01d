"""Reads a document's inventory: what it states, as facts that drive the contract tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.contracts.shapes import Shape, Shapes


@dataclass(frozen=True)
class Refusal:
    """An error that the document states, and the name of the case that provokes it."""

    status: int
    case: str
    gap: str = ""
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Call:
    """One REST call. `parameters` are the names in braces of its path."""

    id: str
    method: str
    path: str
    access: str
    answer: Shape
    statuses: tuple[int, ...] = (200,)
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape = None
    body_alternative: Shape = None
    object: str = ""
    foreign: int = 404
    cookie: str = ""
    refusals: tuple[Refusal, ...] = ()

    @property
    def name(self) -> str:
        """Method and path, as policy tables and OpenAPI files key it."""
        return f"{self.method} {self.path}"

    @property
    def is_public(self) -> bool:
        """Whether it needs no credential."""
        return self.access == "none"


@dataclass(frozen=True)
class Realtime:
    """The socket of a document: events by name with their shapes, in both directions."""

    path: str
    client: Mapping[str, Shape]
    server: Mapping[str, Shape]


@dataclass(frozen=True)
class Document:
    """Everything that one document states."""

    name: str
    prefix: str
    error: Shape
    shapes: Shapes
    calls: tuple[Call, ...]
    realtime: Realtime | None
    statuses: frozenset[int]
    further_statuses: frozenset[int]
    promises: tuple[str, ...]
    further: tuple[Call, ...] = ()  # calls beyond the document

    @property
    def all_calls(self) -> tuple[Call, ...]:
        """The document's calls and those beyond it."""
        return self.calls + self.further

    def call(self, call_id: str) -> Call:
        """The call with that id."""
        return next(call for call in self.all_calls if call.id == call_id)

    def refusals(self) -> list[tuple[Call, Refusal]]:
        """Every stated error with its call."""
        return [(call, refusal) for call in self.all_calls for refusal in call.refusals]


def load(path: Path) -> Document:
    """The inventory in a YAML file. Raises KeyError or TypeError where it is not well-formed."""
    raw = yaml.safe_load(path.read_text("utf-8"))
    realtime = raw.get("realtime")
    return Document(
        name=raw["document"],
        prefix=raw["prefix"],
        error=raw["error"],
        shapes=Shapes(raw["shapes"]),
        calls=tuple(_call(entry) for entry in raw["calls"]),
        realtime=realtime and Realtime(realtime["path"], realtime["client"], realtime["server"]),
        statuses=frozenset(raw["statuses"]),
        further_statuses=frozenset(raw.get("further_statuses", ())),
        promises=tuple(raw.get("promises", ())),
        further=tuple(_call(entry) for entry in raw.get("further", ())),
    )


def _call(entry: dict[str, Any]) -> Call:
    method, _, path = entry.pop("call").partition(" ")
    statuses = tuple(entry.pop("status", (200,)))
    refusals = tuple(Refusal(**refusal) for refusal in entry.pop("refusals", ()))
    return Call(method=method, path=path, statuses=statuses, refusals=refusals, **entry)
