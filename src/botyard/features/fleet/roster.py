"""The fleet at a glance: each bot with its presence and its waiting commands, in three queries for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.ingest.reader import StreamReader
from botyard.features.fleet import stats
from botyard.features.fleet.presence import Presence
from botyard.kit.db import Session

MOST = 10_000

_ABOUT = "SELECT bot_id, seen_us, about FROM presence"
_ABOUT_OWNER = f"{_ABOUT} WHERE owner_id = :owner_id"


@dataclass(frozen=True, slots=True)
class Standing:
    """A bot as it stands; `seen_us` is None before its first call, `about` what it says of itself."""

    bot: Bot
    online: bool
    seen_us: int | None
    about: Mapping[str, Any]
    waiting: int


async def call(
    session: Session, reader: StreamReader, presence: Presence, *, owner_id: int | None
) -> list[Standing]:
    """Every bot of an account, or of all where it is None, oldest first."""
    found = await bots.list_bots(session, kind=BotKind.fleet, owner_id=owner_id, limit=MOST)
    if owner_id is None:
        rows = await reader.query(_ABOUT)
    else:
        rows = await reader.query(_ABOUT_OWNER, {"owner_id": owner_id})
    stored = {row["bot_id"]: row for row in rows}
    ids = [bot.id for bot in found]
    online = await presence.online(ids)
    seen = await presence.last_seen(ids)
    counts = await stats.by_bot(reader, owner_id=owner_id)
    return [
        Standing(
            bot,
            bot.id in online,
            seen.get(bot.id),
            msgspec.json.decode(stored[bot.id]["about"]) if bot.id in stored else {},
            max(counts[bot.id]["commands_pending"], 0) if bot.id in counts else 0,
        )
        for bot in found
    ]


async def one(reader: StreamReader, presence: Presence, bot: Bot) -> Standing:
    """One bot as it stands."""
    online = await presence.online([bot.id])
    seen = await presence.last_seen([bot.id])
    counts = await stats.of_bot(reader, bot_id=bot.id)
    about = await presence.about(bot.id)
    return Standing(bot, bot.id in online, seen.get(bot.id), about, max(counts["commands_pending"], 0))
