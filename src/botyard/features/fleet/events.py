"""What happens in the fleet, live."""

from dataclasses import dataclass
from typing import Any, ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReceived(Event):
    """A bot logged a line. Its row in `logs` is the durable event."""

    name: ClassVar[str] = "fleet.log_received"
    bot_id: str
    type: str
    message: str
    metadata: dict[str, Any]
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(Event):
    """A bot saw a message. Its row in `messages` is the durable event."""

    name: ClassVar[str] = "fleet.message_received"
    bot_id: str
    message: str
    author_id: str
    author_name: str
    thread_id: str
    thread_type: str
    metadata: dict[str, Any]
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandChanged(Event):
    """A command was queued, leased, finished, cancelled, expired or given back."""

    name: ClassVar[str] = "fleet.command_changed"
    bot_id: str
    command_id: str
    type: str
    state: str
    attempt: int = 0
    result: Any = None
    completed_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged(Event):
    """A bot came online or went offline; `reason` is `call`, `silence`, `bye` or `deleted`."""

    name: ClassVar[str] = "fleet.presence_changed"
    bot_id: str
    online: bool
    seen_us: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSynced(Event):
    """A bot sent a new picture of its friends and groups."""

    name: ClassVar[str] = "fleet.data_synced"
    bot_id: str
    data: dict[str, Any]
