"""The ledger of outside effects: what must not happen twice is written down before it is begun.

No job engine can make a post, an order or a mail happen exactly once: it only knows whether it began. So an
effect has a key from the business (`post:17:bluesky`), is committed as `sending` before the call, and after an
interruption the other side is asked before anything is repeated.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from botyard.core.jobs.context import JobContext
from botyard.core.jobs.errors import (
    EffectBusy,
    EffectChanged,
    NoSuchEffect,
    NotSent,
    Refused,
    Unsettled,
)
from botyard.core.jobs.models import EffectRow, JobRow, WorkerRow
from botyard.core.jobs.service import printable
from botyard.core.jobs.sql import insert_once
from botyard.core.jobs.types import EffectInfo, EffectState, JobState, Outcome, Receipt, Verdict
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.kit.errors import Conflict

Call = Callable[[], Awaitable[Receipt]]
Reconcile = Callable[[], Awaitable[Receipt | Verdict]]

_FIELDS = tuple(EffectInfo.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class _Effect:
    """What is asked for, and by which run."""

    ctx: JobContext
    key: str
    kind: str
    account_id: int
    request_hash: str


async def once(
    ctx: JobContext,
    *,
    key: str,
    kind: str,
    account_id: int,
    request_hash: str,
    call: Call,
    reconcile: Reconcile,
) -> Outcome:
    """Make an outside effect happen at most once per key, in whatever number of runs; returns how it ended.

    `call` does it and returns a receipt. It raises Refused where it certainly did not happen and never will,
    NotSent where it certainly did not happen and may be tried again; every other error leaves open whether it
    happened. `reconcile` asks the other side: a receipt, `absent` only if that is proven, or `unsure`.
    `request_hash` tells the content apart. Raises what `call` raises, Unsettled where a person must look,
    EffectBusy while another live job does it, EffectChanged for other content under the same key.
    """
    effect = _Effect(ctx, key, kind, account_id, request_hash)
    await ctx.desk.until_fit()
    row = await _look(effect)
    if row.state is EffectState.unknown:
        found = await reconcile()
        if isinstance(found, Receipt):
            return await _settled(effect, found, reconciled=True)
        if found is Verdict.unsure:
            raise Unsettled(f"{kind} {key}: {Unsettled.__doc__}")
        await _move(effect, EffectState.unknown, EffectState.prepared)
    elif row.state is EffectState.done:
        return Outcome(key, row.external_id, row.detail, reconciled=False)
    return await _send(effect, call)


def fingerprint(content: object) -> str:
    """A `request_hash` of JSON-able content; equal content gives an equal one, in whatever order its keys are."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def settle(
    session: Session,
    key: str,
    *,
    happened: bool,
    external_id: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """A person looked: the effect is done, or free to be tried again. Raises NoSuchEffect and Conflict.

    `external_id` and `detail` are what its receipt would have said.
    """
    # The job before its effect, as a run locks them: callers start the job again, and one might wait for the other.
    owner = select(EffectRow.job_id).where(EffectRow.key == key).scalar_subquery()
    await session.execute(select(JobRow.id).where(JobRow.id == owner).with_for_update())
    row = await _get(session, key)
    if row.state is not EffectState.unknown:
        raise Conflict("Only an effect that may or may not have happened can be settled by hand.")
    row.state = EffectState.done if happened else EffectState.prepared
    row.external_id, row.error, row.finished_at = external_id, "", clock.now() if happened else None
    row.detail = dict(detail or {})


async def get(session: Session, key: str) -> EffectInfo:
    """One effect. Raises NoSuchEffect."""
    return _info(await _get(session, key))


async def list_effects(
    session: Session,
    *,
    state: EffectState | None = None,
    account_id: int | None = None,
    key_prefix: str = "",
    limit: int = 100,
) -> list[EffectInfo]:
    """Effects, the newest first; filters that are None or empty let everything through."""
    query = select(EffectRow).order_by(EffectRow.created_at.desc(), EffectRow.key).limit(limit)
    if state is not None:
        query = query.where(EffectRow.state == state)
    if account_id is not None:
        query = query.where(EffectRow.account_id == account_id)
    if key_prefix:
        query = query.where(EffectRow.key.startswith(key_prefix, autoescape=True))
    return [_info(row) for row in await session.scalars(query)]


async def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Remove effects that ended before that moment; what is open stays. Returns how many."""
    old = select(EffectRow.key).where(
        EffectRow.state.in_([EffectState.done, EffectState.failed]), EffectRow.finished_at < before
    )
    gone = delete(EffectRow).where(EffectRow.key.in_(old.limit(limit))).returning(EffectRow.key)
    return len((await session.scalars(gone)).all())


async def _look(effect: _Effect) -> EffectRow:
    """The effect's row, made where it is new; what an interrupted run left as `sending` is now `unknown`."""
    async with effect.ctx.db.session() as session:
        await effect.ctx.desk.confirm(session)
        await insert_once(
            session,
            EffectRow,
            unique="key",
            key=effect.key,
            kind=effect.kind,
            account_id=effect.account_id,
            state=EffectState.prepared,
            request_hash=effect.request_hash,
            job_id=effect.ctx.job_id,
            created_at=clock.now(),
        )
        row = await _get(session, effect.key)
        if row.request_hash != effect.request_hash:
            if row.state not in (EffectState.prepared, EffectState.failed):
                raise EffectChanged
            row.request_hash = effect.request_hash
        if row.state is EffectState.sending:
            if await _sender_lives(session, row):
                raise EffectBusy
            row.state, row.error = EffectState.unknown, "The process that was sending it ended."
        return row


async def _sender_lives(session: Session, row: EffectRow) -> bool:
    """Whether the run that is sending still owns its job and its worker was not declared dead."""
    query = (
        select(JobRow.id)
        .join(WorkerRow, WorkerRow.id == JobRow.worker)
        .where(JobRow.id == row.job_id, JobRow.token == row.token, JobRow.state == JobState.running)
    )
    return (await session.execute(query)).first() is not None


async def _send(effect: _Effect, call: Call) -> Outcome:
    await _claim(effect)
    while not effect.ctx.desk.fit:
        # Frozen between the commit and here: others may have taken over, so ask again before beginning.
        await effect.ctx.desk.until_fit()
        await _still_ours(effect)
    try:
        receipt = await call()
    except NotSent as error:
        await _move(effect, EffectState.sending, EffectState.prepared, error)
        raise
    except Refused as error:
        await _move(effect, EffectState.sending, EffectState.failed, error)
        raise
    except Exception as error:
        await _move(effect, EffectState.sending, EffectState.unknown, error)
        raise
    return await _settled(effect, receipt, reconciled=False)


async def _claim(effect: _Effect) -> None:
    """Commit that the effect is being sent by this run; only one run at a time comes through here."""
    async with effect.ctx.db.session() as session:
        await effect.ctx.desk.confirm(session)
        row = await _get(session, effect.key)
        if row.state not in (EffectState.prepared, EffectState.failed):
            raise EffectBusy
        row.state, row.token, row.job_id = EffectState.sending, effect.ctx.desk.token, effect.ctx.job_id
        row.attempt += 1
        row.error, row.started_at, row.finished_at = "", clock.now(), None


async def _still_ours(effect: _Effect) -> None:
    async with effect.ctx.db.session() as session:
        await effect.ctx.desk.confirm(session)
        row = await _get(session, effect.key)
        if row.state is not EffectState.sending or row.token != effect.ctx.desk.token:
            raise EffectBusy


async def _settled(effect: _Effect, receipt: Receipt, *, reconciled: bool) -> Outcome:
    """Commit that it happened. Even a run that lost its job writes down what it knows."""
    async with effect.ctx.db.session() as session:
        row = await _get(session, effect.key)
        if row.state is not EffectState.done:
            known = row.state is EffectState.unknown if reconciled else row.token == effect.ctx.desk.token
            if not known:
                raise EffectBusy
            row.state, row.external_id, row.detail = (
                EffectState.done,
                receipt.external_id,
                dict(receipt.detail),
            )
            row.error, row.finished_at = "", clock.now()
        return Outcome(row.key, row.external_id, row.detail, reconciled=reconciled)


async def _move(
    effect: _Effect, before: EffectState, after: EffectState, error: Exception | None = None
) -> None:
    async with effect.ctx.db.session() as session:
        await effect.ctx.desk.confirm(session)
        row = await _get(session, effect.key)
        if row.state is not before:
            raise EffectBusy
        row.state, row.token = after, None
        row.error = printable(str(error)) if error else ""
        row.finished_at = clock.now() if after is EffectState.failed else None


async def _get(session: Session, key: str) -> EffectRow:
    row = await session.get(EffectRow, key, with_for_update=True)
    if row is None:
        raise NoSuchEffect
    return row


def _info(row: EffectRow) -> EffectInfo:
    return EffectInfo(**{name: getattr(row, name) for name in _FIELDS})
