"""What services log, live, for administrators."""

from dataclasses import dataclass
from typing import Any, ClassVar

from botyard.core.realtime.events import Event

NOBODY = 0  # entries belong to no account: administrators hear them


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReceived(Event):
    """A service logged something. Its row in `service_logs` is the durable event."""

    name: ClassVar[str] = "logs.entry_received"
    log_id: str
    type: str
    level: str
    source: str
    message: str
    correlation_id: str
    sender: str
    data: dict[str, Any]
    at_us: int
