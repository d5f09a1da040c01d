"""What bots sync, as tables: lists of objects become rows, everything else stays JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 100
_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class SyncedTable:
    """One list of the synced data."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int


def tables(data: Mapping[str, Any]) -> tuple[list[SyncedTable], dict[str, Any]]:
    """The lists as tables, groups and friends first, and what is left as it is."""
    lists = {key: value for key, value in data.items() if isinstance(value, list)}
    rest = {key: value for key, value in data.items() if key not in lists and value not in (None, {}, "")}
    first = sorted(lists, key=lambda key: (key not in ("groups", "friends"), key))
    return [_table(key, lists[key]) for key in first], rest


def _table(title: str, items: Sequence[Any]) -> SyncedTable:
    shown = items[:SHOWN]
    columns: dict[str, None] = {}
    for item in shown:
        if isinstance(item, Mapping):
            columns.update(dict.fromkeys(map(str, item)))
    names = list(columns)[:_COLUMNS] or ["value"]
    rows = [_row(item, names) for item in shown]
    return SyncedTable(title.replace("_", " ").capitalize(), names, rows, len(items))


def _row(item: Any, names: Sequence[str]) -> list[str]:
    if isinstance(item, Mapping):
        return [_text(item.get(name)) for name in names]
    return [_text(item), *("" for _ in names[1:])]


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:200]
