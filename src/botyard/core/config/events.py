"""What happens to run-time settings, live; `owner_id` is 0, for administrators and the server itself."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged(Event):
    """Settings of a service changed: which ones, never their values."""

    name: ClassVar[str] = "config.changed"
    service: str
    keys: list[str]
