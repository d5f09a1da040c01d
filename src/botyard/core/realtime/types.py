"""Rows that a commit made visible, as the writer and `publish` hand them to the hub."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Appended:
    """Rows of one table with their ids, both in id order."""

    table: str
    ids: Sequence[int]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit appended."""

    appended: Sequence[Appended]


OnCommit = Callable[[Committed], None]


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where this process hands what it committed; absent where nobody listens and no bus is attached."""

    committed: OnCommit
