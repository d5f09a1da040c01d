"""What happens to channels, live."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChanged(Event):
    """A channel was made, changed or removed, or met or overcame a problem."""

    name: ClassVar[str] = "chatbots.channel_changed"
    chatbot_id: str
    channel_id: str
    kind: str
