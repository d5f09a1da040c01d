"""Events as lines that people read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botyard.core.accounts.events import UserRegistered
from botyard.core.bots.events import BotCreated, BotDeleted, BotTokenChanged
from botyard.core.jobs.events import JobChanged
from botyard.core.realtime.events import Event
from botyard.core.realtime.recent import recent
from botyard.features.fleet.events import CommandChanged, DataSynced, PresenceChanged
from botyard.kit import clock
from botyard.web import bot_rows
from botyard.web.scene import Scene


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, to whom, with an icon and its tone; `bot_id` where a page shows more."""

    at: datetime
    icon: str
    tone: str
    subject: str
    text: str
    bot_id: str = ""


Said = tuple[str, str, str] | None  # icon, tone, text; None where it is not worth a line


def _presence(event: PresenceChanged) -> Said:
    if event.online:
        return "plug-connected", "good", "came online"
    if event.reason == "deleted":
        return None  # the deletion itself has a line
    return ("plug", "muted", "said goodbye" if event.reason == "bye" else "went silent")


def _command(event: CommandChanged) -> Said:
    said: dict[str, Said] = {
        "completed": ("circle-check", "good", f"completed {event.type}"),
        "failed": ("circle-x", "bad", f"failed {event.type}"),
        "expired": ("clock", "warn", f"did not take {event.type} in time"),
    }
    return said.get(event.state)


def _job(event: JobChanged) -> Said:
    return ("alert-triangle", "bad", "failed") if event.state == "failed" else None


_SAYS: dict[type[Event], Callable[[Any], Said]] = {
    BotCreated: lambda _: ("plus", "good", "was made"),
    BotDeleted: lambda _: ("trash", "muted", "was deleted"),
    BotTokenChanged: lambda _: ("key", "warn", "got a new token"),
    PresenceChanged: _presence,
    CommandChanged: _command,
    DataSynced: lambda _: ("database", "muted", "synced its data"),
    JobChanged: _job,
    UserRegistered: lambda _: ("user-plus", "good", "registered"),
}
NAMES = frozenset(kind.name for kind in _SAYS)


async def lines(scene: Scene, *, limit: int = 8) -> list[Line]:
    """What happened last to what the viewer may see."""
    names = await bot_rows.names(scene)
    found = await recent(scene.db, owner_id=scene.owner_id, names=NAMES, limit=limit * 6)
    said = (_line(at_us, event, names) for at_us, event in found)
    return [line for line in said if line is not None][:limit]


def _line(at_us: int, event: Event, names: Mapping[str, str]) -> Line | None:
    said = _SAYS[type(event)](event)
    if said is None:
        return None
    bot_id = getattr(event, "bot_id", "")
    subject = (
        names.get(bot_id)
        or getattr(event, "bot_name", "")
        or getattr(event, "username", "")
        or getattr(event, "job_name", "")
        or "A deleted bot"
    )
    icon, tone, text = said
    return Line(clock.from_us(at_us), icon, tone, subject, text, bot_id if bot_id in names else "")
