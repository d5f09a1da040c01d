"""Which commands this bot started and finished, so that a redelivered one does not run twice."""

from __future__ import annotations

from typing import Literal, NamedTuple

from botyard_agent.store import Store
from botyard_agent.timing import Timing

Status = Literal["completed", "failed"]
# A settled command is not redelivered unless the server lost data; keep enough to notice that for a while.
KEPT_ENTRIES = 10_000
KEPT_S = 14 * 24 * 3600.0
# Longer results go when the server has them: ten thousand of 256 KiB would fill a disk.
KEPT_RESULT = 4096


class Entry(NamedTuple):
    """What is known of one command; `result` is JSON text."""

    id: str
    type: str
    state: Literal["started", "done"]
    lease_id: str | None
    status: Status | None
    result: str | None
    settled: bool


class Journal:
    """Every change is on disk, safe from a power cut, before the call returns."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._prune()

    def start(self, command_id: str, type: str, lease_id: str | None) -> None:  # noqa: A002
        """Note, before it runs, that a command runs; starting one again is noted as a new start."""
        at = self._timing.now().timestamp()
        with self._store.write(durable=True) as connection:
            connection.execute(_START, (command_id, type, lease_id, at))

    def finish(self, command_id: str, type: str, status: Status, result: str) -> bool:  # noqa: A002
        """Note how a command ended; the first end stands, and False says that this was not the first."""
        at = self._timing.now().timestamp()
        with self._store.write(durable=True) as connection:
            return connection.execute(_FINISH, (command_id, type, status, result, at)).rowcount > 0

    def replace_result(self, command_id: str, status: Status, result: str) -> None:
        """Put another end in the place of one that the server refused to take."""
        with self._store.write(durable=True) as connection:
            connection.execute(
                "UPDATE commands SET status = ?, result = ? WHERE id = ?", (status, result, command_id)
            )

    def settle(self, command_id: str, *, known: bool = True) -> None:
        """This end need not be told again unless the command comes again; kept in full where the server lacks it."""
        with self._store.write() as connection:
            connection.execute(
                "UPDATE commands SET settled = 1, result = CASE WHEN ? AND length(result) > ? THEN NULL"
                " ELSE result END WHERE id = ?",
                (known, KEPT_RESULT, command_id),
            )

    def forget(self, command_id: str) -> None:
        """The command was given back: another start is a first one."""
        with self._store.write(durable=True) as connection:
            connection.execute("DELETE FROM commands WHERE id = ? AND state = 'started'", (command_id,))

    def find(self, command_id: str) -> Entry | None:
        """What is known of a command."""
        found = self._select("WHERE id = ?", command_id)
        return found[0] if found else None

    def unsettled(self) -> list[Entry]:
        """Commands whose end the server may not know yet, oldest first."""
        return self._select("WHERE state = 'done' AND settled = 0 ORDER BY at")

    def interrupted(self) -> list[Entry]:
        """Commands that were started and never finished, oldest first; at start-up, those of a crash."""
        return self._select("WHERE state = 'started' ORDER BY at")

    def _select(self, where: str, *parameters: str) -> list[Entry]:
        with self._store.read() as connection:
            rows = connection.execute(_SELECT + where, parameters).fetchall()
        return [Entry._make((*row[:6], bool(row[6]))) for row in rows]

    def _prune(self) -> None:
        oldest = self._timing.now().timestamp() - KEPT_S
        with self._store.write() as connection:
            connection.execute("DELETE FROM commands WHERE settled = 1 AND at < ?", (oldest,))
            connection.execute(_PRUNE, (KEPT_ENTRIES,))


_SELECT = "SELECT id, type, state, lease_id, status, result, settled FROM commands "
_START = """
INSERT INTO commands (id, type, state, lease_id, at) VALUES (?, ?, 'started', ?, ?)
ON CONFLICT (id) DO UPDATE SET lease_id = excluded.lease_id, at = excluded.at WHERE state = 'started'
"""
_FINISH = """
INSERT INTO commands (id, type, state, status, result, at) VALUES (?, ?, 'done', ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = 'done', status = excluded.status, result = excluded.result,
    at = excluded.at WHERE state = 'started'
"""
_PRUNE = """
DELETE FROM commands WHERE settled = 1 AND id NOT IN
    (SELECT id FROM commands WHERE settled = 1 ORDER BY at DESC LIMIT ?)
"""
