"""What the registry tells: bots made, changed, gone."""

from dataclasses import dataclass
from typing import ClassVar

from botyard.core.realtime.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCreated(Event):
    """A bot was made."""

    name: ClassVar[str] = "bot.created"
    bot_id: str
    kind: str
    bot_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotChanged(Event):
    """Name, metadata or settings of a bot changed; `what` says which."""

    name: ClassVar[str] = "bot.changed"
    bot_id: str
    bot_name: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTokenChanged(Event):
    """The old token of a bot stopped working."""

    name: ClassVar[str] = "bot.token_changed"
    bot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotDeleted(Event):
    """A bot is gone."""

    name: ClassVar[str] = "bot.deleted"
    bot_id: str
    bot_name: str
