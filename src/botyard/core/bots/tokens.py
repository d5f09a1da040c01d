"""Bots that sign in: from a token to the principal of its bot, without a query per call."""

import hmac
from collections.abc import Callable

from sqlalchemy import select

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Kind, Principal
from botyard.core.bots.models import Bot
from botyard.kit import crypto
from botyard.kit.cache import TtlCache
from botyard.kit.db import Database
from botyard.kit.errors import Unauthenticated

BOT_SCOPES = frozenset(
    {
        "bots:read",
        "commands:read",
        "commands:write",
        "logs:write",
        "messages:write",
        "data:read",
        "data:write",
    }
)


class BotAuthenticator:
    """Checks bot tokens against their keyed digest.

    A token that was replaced in this process is refused at once. Another process learns of it from the
    store when its entry is older than `ttl_s`; a single process needs no such look.
    """

    def __init__(self, db: Database, digests: crypto.Digests, *, ttl_s: float) -> None:
        self._db = db
        self._digests = digests
        self._cache: TtlCache[str, Principal] = TtlCache(ttl_s, max_size=20_000)
        self._tokens: dict[str, str] = {}
        self._changes = 0
        self.on_call: Callable[[Principal], None] = lambda _bot: None

    async def resolve(self, token: str) -> Principal:
        """The bot that this token belongs to, told to `on_call` too. Raises Unauthenticated otherwise."""
        digest = self._digests.digest("bot-token", token)
        principal = self._cache.get(digest) or await self._look_up(token, digest)
        self.on_call(principal)
        return principal

    async def _look_up(self, token: str, digest: str) -> Principal:
        parsed = crypto.parse_token(token)
        if parsed is None or parsed.kind != "bot":
            raise Unauthenticated("This bot token is not valid.")
        before = self._changes
        principal = await self._load(f"bot_{parsed.id}", digest)
        if before == self._changes:  # nothing was forgotten while this was read
            self._cache.put(digest, principal)
            self._tokens[principal.bot_id] = digest
        return principal

    async def _load(self, bot_id: str, digest: str) -> Principal:
        async with self._db.reader() as session:
            query = select(Bot, User.is_active).join(User, User.id == Bot.owner_id).where(Bot.id == bot_id)
            row = (await session.execute(query)).one_or_none()
        if row is None or row[0].token_digest is None or not hmac.compare_digest(row[0].token_digest, digest):
            raise Unauthenticated("This bot token is not valid; it may have been replaced by a new one.")
        if not row[1]:
            raise Unauthenticated("The account of this bot is disabled.")
        return Principal(kind=Kind.bot, user_id=row[0].owner_id, bot_id=row[0].id, scopes=BOT_SCOPES)

    def forget(self, bot_id: str) -> None:
        """Look the bot up again at its next call; for a token that changed or a bot that is gone."""
        self._changes += 1
        if digest := self._tokens.pop(bot_id, None):
            self._cache.drop(digest)

    def forget_owner(self, user_id: int) -> None:
        """Look every bot of an account up again; for an account that was disabled or deleted."""
        for bot_id, digest in list(self._tokens.items()):
            known = self._cache.get(digest)
            if known is None or known.user_id == user_id:
                self.forget(bot_id)
