"""What the vault holds of an account's bots, of whatever kind, and who opened it last; nothing is opened."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from botyard.core import vault
from botyard.core.audit.models import AuditEntry
from botyard.core.bots.models import Bot
from botyard.core.bots.secrets import KIND
from botyard.core.vault import Holding
from botyard.core.vault.models import VaultRecord
from botyard.kit.db import Session
from botyard.kit.errors import NotFound

READS = ("botdata.read", "bot.token_revealed")


@dataclass(frozen=True, slots=True)
class Look:
    """When a secret of a bot was last opened, and by which account."""

    at: datetime
    user_id: int


@dataclass(frozen=True, slots=True)
class BotSecrets:
    """A bot with its secrets by name."""

    bot: Bot
    secrets: Sequence[Holding]
    last_look: Look | None


async def list_bots(session: Session, *, owner_id: int, search: str = "") -> list[Bot]:
    """Bots of an account of which the vault holds something, by name; `search` is part of the name."""
    held = exists().where(VaultRecord.kind == KIND, VaultRecord.record_id == Bot.id)
    query = select(Bot).where(Bot.owner_id == owner_id, held).order_by(func.lower(Bot.name), Bot.id)
    if search:
        query = query.where(Bot.name.icontains(search, autoescape=True))
    return list(await session.scalars(query))


async def get_bot(session: Session, bot_id: str, *, owner_id: int) -> Bot:
    """A bot of an account, of whatever kind. Raises NotFound."""
    bot = await session.get(Bot, bot_id)
    if bot is None or bot.owner_id != owner_id:
        raise NotFound("There is no such bot.")
    return bot


async def of(session: Session, bots: Sequence[Bot]) -> list[BotSecrets]:
    """The secrets of these bots, in the order of the bots; ask for a page of them, not for thousands."""
    by_bot: dict[str, list[Holding]] = defaultdict(list)
    for holding in await vault.holdings(session, kind=KIND, ids=[bot.id for bot in bots]):
        by_bot[holding.id].append(holding)
    return [BotSecrets(bot, by_bot[bot.id], await _last_look(session, bot.id)) for bot in bots]


async def _last_look(session: Session, bot_id: str) -> Look | None:
    query = (
        select(AuditEntry.at, AuditEntry.actor_user_id)
        .where(AuditEntry.target == f"bot:{bot_id}", AuditEntry.action.in_(READS))
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Look(*row)
