"""How much bots logged and said lately, minute by minute, for people who look at it.

Counted when somebody looks, from where the last look ended, so that ingest pays nothing for it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from botyard.core.ingest.reader import StreamReader
from botyard.kit import clock

MINUTES = 60
_MINUTE_US = 60_000_000
# Rows that one look reads at most: some tenths of a second. Beyond it the figures are too low, never wrong.
_MOST_ROWS = 200_000
_FRESH_S = 0.5  # looks within this time share one count

_COUNT = """SELECT bot_id, owner_id, minute, kind, COUNT(*) AS rows, MAX(id) AS last FROM
 (SELECT id, bot_id, owner_id, at_us / 60000000 AS minute, {kind} AS kind FROM {table} WHERE id > :after) AS fresh
 GROUP BY bot_id, owner_id, minute, kind"""
_LAST = "SELECT COALESCE(MAX(id), 0) AS last FROM {table}"
_TABLES = {"logs": "type", "messages": "'message'"}


@dataclass(frozen=True, slots=True)
class Hour:
    """Rows of each of the last sixty minutes, the present one last."""

    all: list[int]
    trouble: list[int]
    messages: list[int]


class Traffic:
    """Counts of the last hour by bot and minute, kept in memory between looks."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._counts: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)  # (bot, kind) to minutes
        self._owners: dict[str, int] = {}
        self._read_to: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._looked = float("-inf")

    async def of(self, *, owner_id: int | None = None) -> Hour:
        """The last hour of one account's bots, or of all where it is None."""
        await self._look()
        return self._hour(bot for bot, owner in self._owners.items() if owner_id in (None, owner))

    async def of_bots(self, bot_ids: Iterable[str]) -> dict[str, list[int]]:
        """Log lines of each of the bots in the last sixty minutes, summed up in fives for a small drawing."""
        await self._look()
        return {bot_id: _in_fives(self._hour([bot_id]).all) for bot_id in bot_ids}

    async def _look(self) -> None:
        async with self._lock:
            if clock.monotonic() - self._looked < _FRESH_S:
                return
            for table, kind in _TABLES.items():
                await self._read(table, kind)
            self._forget(clock.now_us() // _MINUTE_US - MINUTES)
            self._looked = clock.monotonic()

    async def _read(self, table: str, kind: str) -> None:
        last = (await self._reader.query(_LAST.format(table=table)))[0]["last"]
        after = max(self._read_to.get(table, 0), last - _MOST_ROWS)
        rows = await self._reader.scan(_COUNT.format(table=table, kind=kind), {"after": after})
        for row in rows:
            self._owners[row["bot_id"]] = row["owner_id"]
            self._counts[row["bot_id"], row["kind"]][row["minute"]] += row["rows"]
        self._read_to[table] = max([after, *(row["last"] for row in rows)])

    def _forget(self, before: int) -> None:
        for key, minutes in list(self._counts.items()):
            for minute in [minute for minute in minutes if minute <= before]:
                del minutes[minute]
            if not minutes:
                del self._counts[key]

    def _hour(self, bot_ids: Iterable[str]) -> Hour:
        now = clock.now_us() // _MINUTE_US
        kinds: dict[str, Counter[int]] = defaultdict(Counter)
        for bot_id in bot_ids:
            for kind in ("info", "warning", "error", "message"):
                kinds[kind].update(self._counts.get((bot_id, kind), {}))
        minutes = range(now - MINUTES + 1, now + 1)
        trouble = [kinds["warning"][minute] + kinds["error"][minute] for minute in minutes]
        calm = [kinds["info"][minute] for minute in minutes]
        everything = [quiet + loud for quiet, loud in zip(calm, trouble, strict=True)]
        return Hour(everything, trouble, [kinds["message"][minute] for minute in minutes])


def _in_fives(values: list[int]) -> list[int]:
    return [sum(values[start : start + 5]) for start in range(0, len(values), 5)]
