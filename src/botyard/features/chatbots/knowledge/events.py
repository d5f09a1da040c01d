"""What happens to documents."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChanged(Event):
    """A document of a chatbot is queued, being read, ready, failed, or deleted."""

    name: ClassVar[str] = "chatbots.source_changed"
    chatbot_id: str
    source_id: str
    state: str
