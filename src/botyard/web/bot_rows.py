"""Bots as the tables of the dashboard show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botyard.core.accounts import profiles
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.features.fleet import roster
from botyard.features.fleet.roster import Standing
from botyard.kit import clock
from botyard.web import words
from botyard.web.scene import Scene


@dataclass(frozen=True, slots=True)
class BotRow:
    """One bot with its state in words. `owner` is empty for one's own."""

    id: str
    name: str
    tone: str
    word: str
    seen_at: datetime | None
    waiting: int
    about: str
    owner: str
    trend: list[int]
    can: Sequence[str] = ()

    @property
    def state(self) -> str:
        """The key of the state's filter."""
        return {"Online": "online", "Offline": "offline"}.get(self.word, "new")


async def all_of(scene: Scene) -> list[BotRow]:
    """Every bot that the viewer may see, by name, those online first."""
    async with scene.db.reader() as session:
        standings = await roster.call(session, scene.stream, scene.presence, owner_id=scene.owner_id)
        strangers = {standing.bot.owner_id for standing in standings} - {scene.caller.user_id}
        owners = await profiles.usernames(session, strangers)
    trends = await scene.traffic.of_bots([standing.bot.id for standing in standings])
    rows = [_row(standing, owners, trends[standing.bot.id]) for standing in standings]
    return sorted(rows, key=lambda row: (row.word != "Online", row.name.casefold(), row.id))


async def one(scene: Scene, bot: Bot) -> BotRow:
    """One bot of the viewer's."""
    async with scene.db.reader() as session:
        owners = await profiles.usernames(session, {bot.owner_id} - {scene.caller.user_id})
    return _row(await roster.one(scene.stream, scene.presence, bot), owners, [])


async def names(scene: Scene) -> dict[str, str]:
    """Names of the viewer's bots by id."""
    async with scene.db.reader() as session:
        found = await bots.list_bots(session, kind=BotKind.fleet, owner_id=scene.owner_id, limit=roster.MOST)
    return {bot.id: bot.name for bot in found}


def chosen(rows: Sequence[BotRow], *, q: str, state: str) -> list[BotRow]:
    """Rows whose name, id, owner or host holds the text, and that are in the state."""
    wanted = q.casefold().strip()
    return [
        row
        for row in rows
        if (not state or row.state == state)
        and wanted in f"{row.name}\n{row.id}\n{row.about}\n{row.owner}".casefold()
    ]


def _row(standing: Standing, owners: Mapping[int, str], trend: list[int]) -> BotRow:
    bot = standing.bot
    tone, word = words.presence(online=standing.online, seen=standing.seen_us is not None)
    return BotRow(
        id=bot.id,
        name=bot.name,
        tone=tone,
        word=word,
        seen_at=None if standing.seen_us is None else clock.from_us(standing.seen_us),
        waiting=standing.waiting,
        about=described(standing.about),
        owner=owners.get(bot.owner_id, ""),
        trend=trend,
        can=_words(standing.about.get("capabilities")),
    )


def _words(value: Any) -> list[str]:
    return sorted(str(word) for word in value) if isinstance(value, list) else []


def described(about: Mapping[str, Any]) -> str:
    """What a bot says of itself, in a few words."""
    version, host = (str(about.get(key) or "") for key in ("version", "host"))
    agent = f"agent {version}" if version else ""
    return " on ".join(part for part in (agent, host) if part)
