"""Values of the fleet: a command as it stands, and what bots hand in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec


class CommandState(StrEnum):
    """Where a command is in its life."""

    queued = "queued"
    leased = "leased"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    expired = "expired"


FINAL = frozenset({CommandState.completed, CommandState.failed, CommandState.cancelled, CommandState.expired})


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command as the store holds it; moments in microseconds since 1970."""

    id: str
    bot_id: str
    owner_id: int
    created_by: int
    type: str
    payload: Any
    state: CommandState
    priority: int
    attempt: int
    max_attempts: int
    created_us: int
    available_us: int
    expires_us: int | None
    lease_id: str | None
    lease_until_us: int | None
    completed_us: int | None
    result: Any

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CommandRecord":
        """From a row of the table `commands`."""
        return cls(
            id=row["id"],
            bot_id=row["bot_id"],
            owner_id=row["owner_id"],
            created_by=row["created_by"],
            type=row["type"],
            payload=msgspec.json.decode(row["payload"]),
            state=CommandState(row["state"]),
            priority=row["priority"],
            attempt=row["attempt"],
            max_attempts=row["max_attempts"],
            created_us=row["created_us"],
            available_us=row["available_us"],
            expires_us=row["expires_us"],
            lease_id=row["lease_id"],
            lease_until_us=row["lease_until_us"],
            completed_us=row["completed_us"],
            result=None if row["result"] is None else msgspec.json.decode(row["result"]),
        )

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL


class NewLog(msgspec.Struct, frozen=True):
    """A log line as a bot hands it in."""

    type: str
    message: str
    metadata: dict[str, Any] | None = None
    at_us: int | None = None


class NewMessage(msgspec.Struct, frozen=True):
    """A chat message as a bot hands it in."""

    message: str
    author_id: str
    author_name: str
    thread_id: str
    thread_type: str
    metadata: dict[str, Any] | None = None
    at_us: int | None = None
