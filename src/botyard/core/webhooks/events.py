"""What webhooks tell of themselves."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDisabled(Event):
    """The server stopped sending to a webhook; `reason` says why."""

    name: ClassVar[str] = "webhooks.endpoint_disabled"
    endpoint_id: str
    url: str
    reason: str
