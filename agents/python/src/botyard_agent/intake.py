"""The short queue in memory between the bot's own code and the disk, so that logging never waits for either."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable

from botyard_agent.row import Kind, Row
from botyard_agent.spool import Lost, Spool
from botyard_agent.timing import Timing

log = logging.getLogger("botyard_agent")
# Rows written in one transaction; more would hold the store's lock for too long.
CHUNK = 1000
RETRY_S = 1.0


class Intake:
    """Bounded in rows and bytes; the oldest make room, are counted, and a gap is told in their place."""

    def __init__(self, timing: Timing, *, max_rows: int, max_bytes: int) -> None:
        self._timing = timing
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        # re-entrant, because a signal handler may log while its thread is in here
        self._lock = threading.RLock()
        self._passed = threading.Condition(self._lock)
        self._queue: deque[Row] = deque()
        self._bytes = 0
        self._lost: dict[Kind, Lost] = {}
        self._in = 0
        self._out = 0
        self._pid = os.getpid()
        self.wake: Callable[[], None] = lambda: None

    def put(self, row: Row) -> None:
        """Take a row; returns at once. In a forked child it does nothing: the threads are the parent's."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._queue.append(row)
            self._bytes += row.size
            self._in += 1
            while len(self._queue) > self._max_rows or self._bytes > self._max_bytes:
                self._drop()
        self.wake()

    def _drop(self) -> None:
        row = self._queue.popleft()
        self._bytes -= row.size
        self._out += 1
        lost = self._lost.get(row.kind)
        self._lost[row.kind] = lost.plus(row.at) if lost else Lost(1, row.at, row.at)

    def step(self, spool: Spool) -> float:
        """Move what waits to the spool; answers seconds until the next look."""
        with self._lock:
            rows = [self._queue.popleft() for _ in range(min(CHUNK, len(self._queue)))]
            self._bytes -= sum(row.size for row in rows)
            lost, self._lost = self._lost, {}
        if not rows and not lost:
            return 60.0
        try:
            spool.add(rows, lost=lost)
        except sqlite3.Error as error:
            log.warning("Logs cannot be written to disk (%s); they wait in memory.", error)
            self._put_back(rows, lost)
            return RETRY_S
        with self._passed:
            self._out += len(rows)
            self._passed.notify_all()
            return 0.0 if self._queue else 60.0

    def _put_back(self, rows: list[Row], lost: dict[Kind, Lost]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(rows))
            self._bytes += sum(row.size for row in rows)
            for kind, gap in lost.items():
                newer = self._lost.get(kind)
                self._lost[kind] = (
                    Lost(gap.number + newer.number, gap.since, max(gap.until, newer.until)) if newer else gap
                )
            while len(self._queue) > self._max_rows or self._bytes > self._max_bytes:
                self._drop()

    def wait_stored(self, timeout_s: float) -> bool:
        """Wait until every row put before this call is on disk (or counted as lost); False if it took too long."""
        with self._passed:
            target = self._in
            return self._passed.wait_for(lambda: self._out >= target, timeout_s)

    @property
    def waiting(self) -> int:
        """How many rows are not on disk yet."""
        return len(self._queue)
