"""Break glass: everything that the vault holds of an account's bots, in clear, for its owner in person."""

import json
from dataclasses import dataclass, field
from typing import Any

from botyard.core import vault
from botyard.core.accounts import profiles, second_factor, signin
from botyard.core.accounts.errors import SecondFactorNeeded
from botyard.core.accounts.types import Kind, Principal
from botyard.core.audit import service as audit
from botyard.core.bots import holdings
from botyard.core.bots.models import Bot
from botyard.core.bots.secrets import CREDENTIALS, DATA, KIND
from botyard.core.vault import MasterKeyUnknown, VaultCorrupt
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import Forbidden, NotFound

FORMAT = "botyard-secrets/1"
_CHUNK = 200  # bots whose secrets are listed by one query


@dataclass
class _Opened:
    bots: list[dict[str, Any]] = field(default_factory=list)
    secrets: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # bot and name


async def export(
    db: Database, caller: Principal, *, password: str, code: str, address: str = ""
) -> dict[str, Any]:
    """Every present secret of the caller's own bots, ready to be written as JSON; audited before it is answered.

    Asks for password and code anew, whatever was proved before. A secret that does not open is named in the
    answer instead of ending it. Runs transactions of its own: call it outside of any. Raises Forbidden for an
    API key, SecondFactorNeeded, CredentialsRejected, SecondFactorRequired, TooMany, MasterKeyUnknown.
    """
    if caller.kind not in (Kind.cookie, Kind.token):
        raise Forbidden(
            "Only the owner of an account can export its secrets, in person and not by a program."
        )
    async with db.reader() as session:
        if not await second_factor.is_on(session, caller.user_id):
            raise SecondFactorNeeded
    await signin.confirm(db, caller.user_id, password=password, totp_code=code, address=address)
    async with db.reader() as session:
        user = await profiles.get(session, caller.user_id)
        try:
            opened = await _open_all(session, caller.user_id)
        except MasterKeyUnknown as error:
            details = {"reason": error.code}
            audit.record_failure(
                session, actor=caller, action="vault.export_failed", details=details, address=address
            )
            raise
    async with db.session() as session:
        await _record(session, caller, opened, address)
    return {
        "format": FORMAT,
        "exported_at": clock.rfc3339(clock.now()),
        "account": user.username,
        "bots": opened.bots,
    }


async def _open_all(session: Session, owner_id: int) -> _Opened:
    opened = _Opened()
    bots = await holdings.list_bots(session, owner_id=owner_id)
    for start in range(0, len(bots), _CHUNK):
        chunk = {bot.id: bot for bot in bots[start : start + _CHUNK]}
        written: dict[str, dict[str, Any]] = {}
        for holding in await vault.holdings(session, kind=KIND, ids=list(chunk)):
            bot = chunk[holding.id]
            entry = written.setdefault(bot.id, _entry(bot))
            await _open(session, bot, holding.name, entry, opened)
        opened.bots += [written[bot_id] for bot_id in chunk if bot_id in written]
    return opened


def _entry(bot: Bot) -> dict[str, Any]:
    return {"id": bot.id, "name": bot.name, "kind": str(bot.kind), "secrets": {}, "unreadable": []}


async def _open(session: Session, bot: Bot, name: str, entry: dict[str, Any], opened: _Opened) -> None:
    try:
        text = await vault.reveal(session, account_id=bot.owner_id, kind=KIND, id=bot.id, name=name)
    except NotFound:  # removed since the names were read
        return
    except VaultCorrupt:
        opened.unreadable.append((bot.id, name))
        entry["unreadable"].append(name)
        return
    opened.secrets += 1
    entry["secrets"][name] = json.loads(text) if name in (DATA, CREDENTIALS) else text


async def _record(session: Session, caller: Principal, opened: _Opened, address: str) -> None:
    for bot_id, name in opened.unreadable:
        await audit.record(
            session,
            actor=caller,
            action="botdata.unreadable",
            target=f"bot:{bot_id}",
            details={"name": name, "reason": VaultCorrupt.code},
            address=address,
        )
    counts = {"bots": len(opened.bots), "opened": opened.secrets, "unreadable": len(opened.unreadable)}
    await audit.record(
        session,
        actor=caller,
        action="vault.exported",
        target=f"user:{caller.user_id}",
        details=counts,
        address=address,
    )
