"""Deployments: which versions answer, in which environment. A log that only grows; the newest row counts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.features.chatbots import gate, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.conversation_types import TRIAL
from botyard.features.chatbots.errors import NoEarlierDeployment, NoPlaceToDeploy
from botyard.features.chatbots.events import Deployed
from botyard.features.chatbots.models import BotVersion, Deployment
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid

PRODUCTION = "production"
_DEEPEST = 500  # deployments that a rollback looks through
_MOST_SHARES = 5
_SPREAD = 1_000_000

Shares = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class DeploymentInfo:
    """One row of the log. `shares`: version id, its number, weight; `current`: whether it answers now."""

    id: int
    environment: str
    kind: str
    shares: list[tuple[str, int, int]]
    note: str
    warnings: list[Any]
    created_at: datetime
    created_by: int
    current: bool


async def rehearse(
    db: Database,
    chatbot_id: str,
    *,
    owner_id: int,
    by: int,
    version_id: str | None = None,
    environment: str = PRODUCTION,
    note: str = "",
) -> tuple[BotVersion, list[dict[str, Any]]]:
    """The version that `deploy` is to be given next, and what the gate says of it. Raises as `deploy`.

    Golden conversations are replayed here, with nothing locked, and `deploy` finds what came of it: on SQLite a
    writer that waits for them would hold up everybody. Runs transactions of its own: call it outside of any.
    """
    _must_be_deployable(environment)
    if version_id is None:
        async with db.session() as session:
            frozen = await versions.freeze(session, chatbot_id, owner_id=owner_id, note=note, by=by)
            version_id = frozen.id
    async with db.reader() as session:
        await chatbots.get(session, chatbot_id, owner_id=owner_id)
        version = await versions.get(session, version_id, chatbot_id=chatbot_id)
        before = await current(session, chatbot_id, environment)
        return version, await gate.warnings(session, version, before)


async def deploy(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    actor: Principal,
    version_id: str | None = None,
    environment: str = PRODUCTION,
    note: str = "",
    address: str = "",
) -> Deployment:
    """Let a version answer from now on: the draft with the newest model where none is named.

    Conversations that are under way stay with the version they began with. What the gate finds is kept with the
    row and stops nothing. Raises NoSuchVersion, NothingToDeploy, NoPlaceToDeploy.
    """
    _must_be_deployable(environment)
    if version_id is None:
        version = await versions.freeze(session, chatbot_id, owner_id=owner_id, note=note, by=actor.user_id)
    else:
        await chatbots.hold(session, chatbot_id, owner_id=owner_id)
        version = await versions.get(session, version_id, chatbot_id=chatbot_id)
    return await _enter(
        session,
        version,
        shares=[(version.id, 1)],
        kind="deploy",
        environment=environment,
        note=note,
        actor=actor,
        address=address,
    )


async def split(
    session: Session,
    chatbot_id: str,
    shares: Shares,
    *,
    owner_id: int,
    actor: Principal,
    environment: str = PRODUCTION,
    note: str = "",
    address: str = "",
) -> Deployment:
    """Let several versions answer by weight; a conversation stays with the one it began with.

    Raises NoSuchVersion, Invalid for weights below 1, too many versions, or one named twice,
    NoPlaceToDeploy.
    """
    _must_be_deployable(environment)
    await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    if not 2 <= len(shares) <= _MOST_SHARES or len({version for version, _ in shares}) != len(shares):
        raise Invalid(f"A split names 2 to {_MOST_SHARES} different versions.")
    if any(not 1 <= weight <= 1000 for _, weight in shares):
        raise Invalid("The weight of a version is a whole number from 1 to 1000.")
    chosen = [await versions.get(session, version, chatbot_id=chatbot_id) for version, _ in shares]
    return await _enter(
        session,
        chosen[0],
        shares=shares,
        kind="split",
        environment=environment,
        note=note,
        actor=actor,
        address=address,
    )


async def roll_back(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    actor: Principal,
    environment: str = PRODUCTION,
    address: str = "",
) -> Deployment:
    """Let answer again what answered before what answers now; twice goes back two.

    The same version, or the same split, deployed several times in a row counts once.
    It was good enough before, so the gate is not asked: nothing keeps somebody waiting who wants out of a bad version.
    Raises NoEarlierDeployment.
    """
    await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    rows = await _log(session, chatbot_id, environment, limit=_DEEPEST)
    earlier = _before(rows)
    if earlier is None:
        raise NoEarlierDeployment
    version = await versions.get(session, earlier.shares[0][0], chatbot_id=chatbot_id)
    return await _enter(
        session,
        version,
        shares=[(str(one), int(weight)) for one, weight in earlier.shares],
        kind="rollback",
        environment=environment,
        note=f"to {earlier.id}",
        actor=actor,
        address=address,
    )


async def current(session: Session, chatbot_id: str, environment: str = PRODUCTION) -> Deployment | None:
    """The deployment that counts now; None where nothing was deployed."""
    return next(iter(await _log(session, chatbot_id, environment, limit=1)), None)


async def find_former(
    session: Session, chatbot_id: str, environment: str = PRODUCTION
) -> list[tuple[str, int, int]] | None:
    """What a rollback would let answer: version, its number and weight each; None where nothing lies below."""
    former = _before(await _log(session, chatbot_id, environment, limit=_DEEPEST))
    if former is None:
        return None
    numbers = await _numbers(session, {str(version) for version, _ in former.shares})
    return [(str(one), numbers.get(str(one), 0), int(weight)) for one, weight in former.shares]


async def list_environments(session: Session, chatbot_id: str) -> list[str]:
    """Where something was deployed, by name."""
    query = select(Deployment.environment).where(Deployment.chatbot_id == chatbot_id).distinct()
    return list(await session.scalars(query.order_by(Deployment.environment)))


async def list_log(
    session: Session, chatbot_id: str, *, environment: str = PRODUCTION, limit: int = 50
) -> list[DeploymentInfo]:
    """The log of an environment, newest first."""
    rows = await _log(session, chatbot_id, environment, limit=limit)
    numbers = await _numbers(session, {str(version) for row in rows for version, _ in row.shares})
    return [
        DeploymentInfo(
            id=row.id,
            environment=row.environment,
            kind=row.kind,
            shares=[(str(one), numbers.get(str(one), 0), int(weight)) for one, weight in row.shares],
            note=row.note,
            warnings=row.warnings,
            created_at=row.created_at,
            created_by=row.created_by,
            current=at == 0,
        )
        for at, row in enumerate(rows)
    ]


def choose(shares: Shares, conversation_id: str) -> str | None:
    """The version that answers a conversation: always the same, and by weight over many conversations."""
    total = sum(weight for _, weight in shares)
    if not total:
        return None
    hashed = hashlib.sha256(conversation_id.encode()).digest()
    point = int.from_bytes(hashed[:8], "big") % _SPREAD * total / _SPREAD
    for version_id, weight in shares:
        point -= weight
        if point < 0:
            return version_id
    return shares[-1][0]


def _must_be_deployable(environment: str) -> None:
    if environment == TRIAL:
        raise NoPlaceToDeploy


async def _enter(
    session: Session,
    version: BotVersion,
    *,
    shares: Shares,
    kind: str,
    environment: str,
    note: str,
    actor: Principal,
    address: str,
) -> Deployment:
    before = await current(session, version.chatbot_id, environment)
    row = Deployment(
        owner_id=version.owner_id,
        chatbot_id=version.chatbot_id,
        environment=environment,
        shares=[list(share) for share in shares],
        kind=kind,
        note=note,
        warnings=[] if kind == "rollback" else await gate.warnings(session, version, before),
        created_at=clock.now(),
        created_by=actor.user_id,
    )
    session.add(row)
    await session.flush()
    chatbot = await chatbots.hold(session, version.chatbot_id)
    if environment == PRODUCTION:
        chatbot.status = "deployed"
    details = {"environment": environment, "versions": [one for one, _ in shares], "kind": kind}
    await audit.record(
        session,
        actor=actor,
        action="chatbot.deployed",
        target=f"bot:{version.chatbot_id}",
        details=details,
        address=address,
    )
    publish(
        session,
        Deployed(
            owner_id=version.owner_id,
            chatbot_id=version.chatbot_id,
            deployment_id=row.id,
            environment=environment,
            kind=kind,
            version_id=version.id,
            number=version.number,
        ),
    )
    return row


async def _log(session: Session, chatbot_id: str, environment: str, *, limit: int) -> list[Deployment]:
    query = select(Deployment).where(
        Deployment.chatbot_id == chatbot_id, Deployment.environment == environment
    )
    return list(await session.scalars(query.order_by(Deployment.id.desc()).limit(limit)))


def _before(rows: Sequence[Deployment]) -> Deployment | None:
    """The last deployment before the present one that let something else answer; `rows` are newest first.

    A deployment lies on top of what it replaced, and a rollback takes off all that lies on its goal.
    """
    stack: list[Deployment] = []
    for row in reversed(rows):
        if row.kind != "rollback":
            stack.append(row)
            continue
        goal = int(row.note.removeprefix("to "))
        while len(stack) > 1 and stack[-1].id != goal:
            stack.pop()
    now = _parts_of(stack[-1]) if stack else {}
    return next((row for row in reversed(stack) if _parts_of(row) != now), None)


def _parts_of(row: Deployment) -> dict[str, Fraction]:
    """Which part of the conversations each version answers: the same for the same, however it is written."""
    total = sum(int(weight) for _, weight in row.shares)
    return {str(version): Fraction(int(weight), total) for version, weight in row.shares}


async def _numbers(session: Session, version_ids: set[str]) -> dict[str, int]:
    rows = await session.execute(
        select(BotVersion.id, BotVersion.number).where(BotVersion.id.in_(version_ids))
    )
    return {str(version_id): int(number) for version_id, number in rows}
