"""The picture of its friends and groups that a bot keeps on the server; only the newest one matters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botyard_agent.row import encoded, storable
from botyard_agent.store import Store

_KEY = "synced"


class Synced:
    """What `agent.sync` said last, until the server has it; survives a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = json.loads(store.recall(_KEY) or "{}")
        self._picture: dict[str, Any] = kept.get("picture", {})
        self._version = 0
        self._sent_version = 0 if kept.get("sent", True) else -1

    def update(self, parts: Mapping[str, Any]) -> None:
        """Replace these parts; the others stay as they were said before, also in an earlier run."""
        # the server wants both lists each time and replaces the whole
        picture = {"groups": [], "friends": [], **self._picture, **storable(parts)}
        with self._store.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO memory VALUES (?, ?)", (_KEY, _text(picture, sent=False))
            )
            self._picture = picture
            self._version += 1

    def due(self) -> tuple[int, bytes] | None:
        """Version and body of what the server does not have yet."""
        with self._store.read():
            if self._sent_version == self._version:
                return None
            return self._version, encoded(self._picture)

    def sent(self, version: int) -> None:
        """The server has that version, or will never take it; a newer one stays due."""
        with self._store.write() as connection:
            self._sent_version = version
            text = _text(self._picture, sent=version == self._version)
            connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (_KEY, text))


def _text(picture: Mapping[str, Any], *, sent: bool) -> str:
    return json.dumps({"picture": picture, "sent": sent})
