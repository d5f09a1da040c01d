"""Sends the lines of a growing file as logs, each once: its position is stored together with the lines."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from botyard_agent.level import classify as by_its_words
from botyard_agent.redaction import Redact
from botyard_agent.row import SEVERITY, LogType, Row, log_row
from botyard_agent.spool import Spool
from botyard_agent.store import Store
from botyard_agent.tail import Position, Tail
from botyard_agent.timing import Timing

log = logging.getLogger("botyard_agent")
# The type of a line, given the one before it; None leaves the line out.
Classify = Callable[[str, "LogType | None"], "LogType | None"]
# A followed file waits on disk by itself: it must not push other logs out of the spool.
MAX_WAITING_ROWS = 10_000
MAX_FILL = 0.5
FULL_PAUSE_S = 0.5


class Follower:
    """Call `step` again after the seconds it answers."""

    def __init__(
        self,
        path: Path,
        timing: Timing,
        redact: Redact,
        *,
        classify: Classify | None = None,
        from_end: bool = False,
        poll_s: float = 0.5,
    ) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - not resolve(): a link may point elsewhere tomorrow
        self._timing = timing
        self._redact = redact
        self._classify = classify or by_its_words
        self._from_end = from_end
        self._poll_s = poll_s
        self._previous: LogType | None = None
        self._key = (
            "follow:" + hashlib.sha256(str(self.path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        )

    def open(self, spool: Spool, store: Store, on_rows: Callable[[], None], level: Callable[[], int]) -> None:
        """Go on where the last run stopped."""
        self._spool, self._store, self._on_rows, self._level = spool, store, on_rows, level
        kept = store.recall(self._key)
        self._tail = Tail(self.path, Position.load(kept) if kept else None, from_end=self._from_end)
        self._stored = self._tail.position

    def step(self) -> float:
        """Read what is new; answers seconds until the next look."""
        if self._spool.rows >= MAX_WAITING_ROWS or self._spool.fill >= MAX_FILL:
            return FULL_PAUSE_S
        lines = self._tail.read()
        rows = [self._note(note) for note in self._take_notes()]
        rows += [row for line in lines if (row := self._row(line)) is not None]
        position = self._tail.position
        if position is not None and position != self._stored:
            self._spool.add(rows, position=(self._key, position.dump()))
            self._stored = position
        elif rows:
            self._spool.add(rows)
        if rows:
            self._on_rows()
        return 0.0 if lines else self._poll_s

    def close(self) -> None:
        """Let the file go; its position is on disk already."""
        self._tail.close()

    def _take_notes(self) -> list[str]:
        notes, self._tail.notes = self._tail.notes, []
        return notes

    def _note(self, text: str) -> Row:
        log.warning("%s", text)
        return log_row(text, "warning", {"file": self.path.name}, at=self._timing.now(), report=True)

    def _row(self, raw: bytes) -> Row | None:
        """The log of a line; None for an empty one and one that is below the threshold or left out."""
        line = raw.decode("utf-8", "replace").rstrip("\r").lstrip("\ufeff")
        if not line.strip():
            return None
        type_ = self._classify(line, self._previous)
        self._previous = type_
        if type_ is None or SEVERITY[type_] < self._level():
            return None
        return log_row(self._redact(line), type_, {"file": self.path.name}, at=self._timing.now())
