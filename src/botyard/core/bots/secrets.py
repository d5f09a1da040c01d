"""Secret data of a bot and its credentials: sealed in the vault, every look at the data written down."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import select

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.bots.models import Bot
from botyard.core.vault import MasterKeyUnknown, VaultCorrupt, Version
from botyard.core.vault.limit import within_limit
from botyard.kit.db import Session
from botyard.kit.errors import Invalid, NotFound

log = structlog.get_logger(__name__)

KIND = "bot"  # of everything that the vault holds of bots; it goes with the bot
DATA, CREDENTIALS = "data", "credentials"
MAX_BYTES = 256 * 1024  # of the data as JSON
_MOST_NAMES = 100  # of an entry in the audit log


async def store(
    session: Session, bot: Bot, data: Mapping[str, Any], *, actor: Principal, address: str = ""
) -> int:
    """Replace the secret data of a bot and answer the new version; the former one can be restored for a while.

    Raises Invalid for what is no JSON or more than `MAX_BYTES` of it.
    """
    version = await _seal(session, bot, DATA, data)
    await _record(session, bot, "botdata.stored", actor, address, **_names(data), version=version)
    return version


async def retrieve(
    session: Session, bot: Bot, *, actor: Principal, address: str = "", version: int | None = None
) -> dict[str, Any]:
    """The secret data in clear, the present ones unless a version is named; every look is audited.

    Needs a writing session for that. Raises NotFound without data, TooMany beyond the account's reads a
    minute, and VaultCorrupt or MasterKeyUnknown for what does not open, which is audited as well.
    """
    await within_limit(session, actor)
    async with opening(session, bot, DATA, actor, address):
        data = await _open(session, bot, DATA, version)
    details: dict[str, Any] = {} if version is None else {"version": version}
    await _record(session, bot, "botdata.read", actor, address, **_names(data), **details)
    return data


async def versions(session: Session, bot: Bot) -> list[Version]:
    """Versions of the secret data, the newest first; nothing is opened."""
    return await vault.list_versions(session, kind=KIND, id=bot.id, name=DATA)


async def restore(session: Session, bot: Bot, version: int, *, actor: Principal, address: str = "") -> int:
    """Make a former version of the secret data the present one and answer its new number.

    Raises NotFound when that version was cleared away, VaultCorrupt or MasterKeyUnknown.
    """
    await _hold(session, bot)
    async with opening(session, bot, DATA, actor, address):
        new = await vault.restore(
            session, account_id=bot.owner_id, kind=KIND, id=bot.id, name=DATA, version=version
        )
    await _record(session, bot, "botdata.restored", actor, address, restored=version, version=new)
    return new


async def drop(session: Session, bot: Bot, *, actor: Principal, address: str = "") -> None:
    """Remove the secret data with all their versions. Raises NotFound without any."""
    if not await vault.drop(session, account_id=bot.owner_id, kind=KIND, id=bot.id, name=DATA):
        raise _no_data()
    await _record(session, bot, "botdata.dropped", actor, address)


async def store_credentials(
    session: Session, bot: Bot, credentials: Mapping[str, Any], *, actor: Principal, address: str = ""
) -> int:
    """Seal what the bot signs in with elsewhere, in place of what was there. Raises Invalid as `store` does."""
    version = await _seal(session, bot, CREDENTIALS, credentials)
    await _record(
        session, bot, "bot.credentials_stored", actor, address, **_names(credentials), version=version
    )
    return version


async def reveal_credentials(session: Session, bot: Bot) -> dict[str, Any]:
    """The bot's credentials, for the connector that signs in with them and for nobody else.

    Raises NotFound without any, VaultCorrupt or MasterKeyUnknown.
    """
    async with opening(session, bot, CREDENTIALS, None, ""):
        return await _open(session, bot, CREDENTIALS, None)


async def _seal(session: Session, bot: Bot, name: str, data: Mapping[str, Any]) -> int:
    text = _written(data)
    await _hold(session, bot)
    return await vault.put(
        session, account_id=bot.owner_id, kind=KIND, id=bot.id, name=name, value=text, keep=True
    )


async def _open(session: Session, bot: Bot, name: str, version: int | None) -> dict[str, Any]:
    try:
        text = await vault.reveal(
            session, account_id=bot.owner_id, kind=KIND, id=bot.id, name=name, version=version
        )
    except NotFound:
        raise _no_data() from None
    data: dict[str, Any] = json.loads(text)
    return data


@asynccontextmanager
async def opening(
    session: Session, bot: Bot, name: str, actor: Principal | None, address: str
) -> AsyncIterator[None]:
    """Have it written down, in a transaction of its own, when what stands below cannot open a secret of the bot."""
    try:
        yield
    except (VaultCorrupt, MasterKeyUnknown) as error:
        log.warning("secret_unreadable", bot_id=bot.id, name=name, reason=error.code)
        audit.record_failure(
            session,
            actor=actor,
            action="botdata.unreadable",
            target=f"bot:{bot.id}",
            details={"name": name, "reason": error.code},
            address=address,
        )
        raise


async def _hold(session: Session, bot: Bot) -> None:
    """Keep the bot until the commit, so that nothing is stored for one that is being deleted."""
    held = select(Bot.id).where(Bot.id == bot.id).with_for_update()
    if await session.scalar(held) is None:
        raise NotFound("There is no such bot.")


async def _record(
    session: Session, bot: Bot, action: str, actor: Principal, address: str, **details: Any
) -> None:
    await audit.record(
        session, actor=actor, action=action, target=f"bot:{bot.id}", details=details, address=address
    )


def _names(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says of data: their names, of very many the first ones and how many there are."""
    names = list(data)
    return {"keys": names[:_MOST_NAMES]} | ({"of": len(names)} if len(names) > _MOST_NAMES else {})


def _written(data: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        # Without the cause: the encoder quotes the value that it could not write.
        raise Invalid("Secret data are a JSON object of texts, numbers, lists and objects.") from None
    if size > MAX_BYTES:
        raise Invalid(f"Secret data have at most {MAX_BYTES // 1024} KiB as JSON; these have {size} bytes.")
    return text


def _no_data() -> NotFound:
    return NotFound("Bot data not found")
