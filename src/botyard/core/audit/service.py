"""Writing the log with the act it tells of, and reading it."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from botyard.core.accounts.types import Kind, Principal
from botyard.core.audit.chain import START, AuditKey, canonical
from botyard.core.audit.models import AuditEntry, AuditHead
from botyard.core.audit.redaction import clean, without_secrets
from botyard.kit import clock
from botyard.kit.db import Session

HEAD_ID = 1
_LOCK = 0x6279_0002  # advisory lock of PostgreSQL: entries follow each other one by one
_PENDING = "botyard.audit.pending"
MAX_DETAILS = 20_000  # characters; what is longer is cut, so that no entry is refused


async def record(
    session: Session,
    *,
    actor: Principal | None,
    action: str,
    target: str = "",
    details: dict[str, Any] | None = None,
    address: str = "",
) -> None:
    """Write an entry with the session's transaction: the act is stored only together with its entry.

    `action` is what happened (`bot.token_revealed`), `target` what to (`bot:bot_01…`). Secrets in `details`
    are replaced by keyed digests. Without an actor the server itself, or nobody known, did it.
    """
    pending: list[AuditEntry] | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = []
        session.before_commit(_defer)
    who = actor or Principal()
    key = session.part(AuditKey)
    pending.append(
        AuditEntry(
            at=clock.now(),
            actor_kind="server" if actor is None else who.kind.value,
            actor_user_id=who.user_id,
            actor_ref=reference(who),
            action=clean(action, 80),
            target=clean(target, 120),
            details=_written(without_secrets(details or {}, key)),
            address=clean(address, 64),
        )
    )


def record_failure(
    session: Session,
    *,
    actor: Principal | None,
    action: str,
    target: str = "",
    details: dict[str, Any] | None = None,
    address: str = "",
) -> None:
    """Write an entry as `record` does, but when the session ends with an error: in a transaction after it.

    For an attempt that must be known although nothing came of it; raise the error next.
    """

    async def write(fresh: Session) -> None:
        await record(fresh, actor=actor, action=action, target=target, details=details, address=address)

    session.on_failure(write)


async def list_entries(
    session: Session,
    *,
    action: str | None = None,
    user_id: int | None = None,
    target: str | None = None,
    before_id: int | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Entries, newest first; `before_id` is the last one seen. `action` ends with a dot to mean all below it."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if action is not None:
        name = AuditEntry.action
        query = query.where(
            name.startswith(action, autoescape=True) if action.endswith(".") else name == action
        )
    if user_id is not None:
        query = query.where(AuditEntry.actor_user_id == user_id)
    if target is not None:
        query = query.where(AuditEntry.target == target)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    return list(await session.scalars(query))


async def _defer(session: Session) -> None:
    # Behind the other hooks: whoever holds the chain's lock should wait for nobody's rows.
    session.before_commit(_append)


async def _append(session: Session) -> None:
    entries: list[AuditEntry] = session.info.pop(_PENDING)
    key = session.part(AuditKey)
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    head = await session.get(AuditHead, HEAD_ID, populate_existing=True)
    if head is None:
        head = AuditHead(id=HEAD_ID, entries=0, hash=START, seal=key.head(0, START))
        session.add(head)
    for entry in entries:
        entry.id = head.entries + 1
        entry.hash = key.entry(head.hash, entry)
        head.entries, head.hash = entry.id, entry.hash
    head.seal = key.head(head.entries, head.hash)
    session.add_all(entries)


def reference(who: Principal) -> str:
    """By what the caller acted: a bot, an API key or a session; empty where there is none of these."""
    if who.kind is Kind.bot:
        return f"bot:{who.bot_id}"
    if who.kind is Kind.api_key:
        return f"key:{who.api_key_id}"
    return f"session:{who.session_id}" if who.session_id else ""


def _written(details: dict[str, Any]) -> str:
    text = canonical(details)
    if len(text) <= MAX_DETAILS:
        return text
    return canonical({"cut": True, "characters": len(text), "begin": text[: MAX_DETAILS // 2]})
