"""One source's live events, in id order, none twice, none missed: whether they come from this process'
own commits, from a hint of another process, or from a look at the table.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from botyard.core.realtime.source import Source, Tables
from botyard.core.realtime.types import Row

# Rows handed out at a stretch; then the listeners get their turn to empty their queues.
_SLICE = 250
# How long hints are collected where nobody listens, who could be late.
_UNWANTED_S = 0.05
# Own commits kept while the table is read; beyond that they are read from the table too.
_HELD = 10_000

_log = structlog.get_logger(__name__)


class Lane:
    """Ids are given in commit order, so everything up to a committed id can be read."""

    def __init__(
        self,
        source: Source,
        tables: Tables,
        deliver: Callable[["Lane", int, Row], None],
        *,
        wanted: Callable[[], int],
        position: int,
    ) -> None:
        self.source = source
        self.position = position  # the last id that was handed out
        self._wanted = wanted  # false where nobody listens: then nothing is read
        self._tables = tables
        self._deliver = deliver
        self._known = position  # the highest id known to be committed
        self._hinted = position  # the highest id that somebody spoke of
        self._held: deque[tuple[Sequence[int], Sequence[Row]]] = deque()
        self._held_rows = 0
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def offer(self, ids: Sequence[int], rows: Sequence[Row]) -> None:
        """Take rows that this process committed."""
        last = ids[-1]
        if last <= self.position:
            return
        self._known = max(self._known, last)
        if self._task is None:
            if not self._wanted():
                self.position = self._known
                return
            if ids[0] == self.position + 1 and len(ids) <= _SLICE:
                self._hand_out(ids, rows)
                return
        if self._held_rows + len(rows) <= _HELD:
            self._held.append((ids, rows))
            self._held_rows += len(rows)
        self._ensure_running()

    def hint(self, last: int) -> None:
        """Hear that there may be rows up to `last`; the table has the last word.

        Two installations may share one Redis, so what the bus says may be about somebody else's tables.
        """
        if last > self._hinted and last > self._known:
            self._hinted = last
            self._ensure_running()

    def reach(self, last: int) -> None:
        """Learn that rows up to `last` are committed."""
        self._known = max(self._known, last)
        if self._known > self.position and self._task is None:
            if self._wanted():
                self._ensure_running()
            else:
                self.position = self._known

    def stir(self) -> None:
        """Learn that somebody listens now."""
        self._stirred.set()

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _ensure_running(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._catch_up(), name=f"lane-{self.source.key}")

    def _hand_out(self, ids: Sequence[int], rows: Sequence[Row]) -> None:
        for row_id, row in zip(ids, rows, strict=True):
            self.position = row_id
            self._deliver(self, row_id, row)

    async def _catch_up(self) -> None:
        try:
            while True:
                if self._hinted > self._known:
                    await self._ask()
                elif self.position < self._known and self._wanted():
                    if not await self._hand_out_held():
                        await self._read()
                else:
                    break
            self.position = max(self.position, self._known)
        except (SQLAlchemyError, OSError) as error:
            # Nothing is lost: the hub looks again in a moment, and then reads from `position`.
            _log.warning("realtime.read_failed", table=self.source.table, error=str(error))
            self._hinted = self._known
        except Exception:
            _log.exception("realtime.read_failed", table=self.source.table)
            self._hinted = self._known
        finally:
            self._held.clear()
            self._held_rows = 0
            self._task = None

    async def _ask(self) -> None:
        """Find out what is behind a hint."""
        if not self._wanted():
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UNWANTED_S):
                    await self._stirred.wait()
        asked = self._hinted
        self._known = max(self._known, await self._tables.last(self.source))
        if self._hinted == asked:
            self._hinted = self._known

    async def _hand_out_held(self) -> bool:
        """Hand out the next own rows if they follow at once; False when rows before them must be read."""
        while self._held and self._held[0][0][-1] <= self.position:
            self._held_rows -= len(self._held.popleft()[0])
        if not self._held or self._held[0][0][0] > self.position + 1:
            return False
        ids, rows = self._held.popleft()
        self._held_rows -= len(ids)
        at = bisect_right(ids, self.position)
        while at < len(ids):
            self._hand_out(ids[at : at + _SLICE], rows[at : at + _SLICE])
            at += _SLICE
            await asyncio.sleep(0)
        return True

    async def _read(self) -> None:
        """Read the rows before the next own ones, or all that are known of; ids may be missing among them."""
        upto = self._held[0][0][0] - 1 if self._held else self._known
        rows = await self._tables.rows(self.source, after=self.position, upto=upto, limit=self._tables.page)
        for at in range(0, len(rows), _SLICE):
            part = rows[at : at + _SLICE]
            self._hand_out([row["id"] for row in part], part)
            await asyncio.sleep(0)
        if len(rows) < self._tables.page:
            self.position = max(self.position, upto)
