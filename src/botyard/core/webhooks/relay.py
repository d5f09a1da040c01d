"""Turns events into webhook messages, each exactly once.

Every event is stored in the transaction of its change. The relay reads both logs from where it stopped and writes
messages, deliveries and its new position in one transaction, whose rows of positions are locked: of several
processes one does each step, and a crash undoes a step as a whole.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from botyard.core.realtime.events import Event
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.replay import Page, read_page
from botyard.core.realtime.source import Tables
from botyard.core.realtime.subscription import Delivery
from botyard.core.webhooks import catalogue, metrics, positions, service
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.deliveries import new_delivery, new_message, text_of
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.kit import clock
from botyard.kit.db import Database, Session

log = structlog.get_logger(__name__)

_LOOK_S = 5.0  # how often it looks for what no hint told
# What concerns no webhook is passed over without a write, until so many ids or seconds came together.
_PASSED_OVER = 1_000
_PASSED_OVER_S = 60.0


@dataclass(frozen=True, slots=True)
class _Told:
    """An event as one webhook event, and the webhooks of its owner that listen to it."""

    declared: catalogue.Declared
    event: Event
    at: datetime
    endpoints: Sequence[WebhookEndpoint]


class Relay:
    """Follows both logs for as long as the process runs."""

    def __init__(self, db: Database, hub: Hub, bell: DueBell, *, look_s: float = _LOOK_S) -> None:
        self._db = db
        self._hub = hub
        self._bell = bell
        self._look_s = look_s
        self._tables = Tables(db)
        self._names = catalogue.sources()
        self._seen: dict[str, int] = {}  # ahead of what is stored by what concerns no webhook
        self._stored_at = clock.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin at the present end where nothing was ever told; then catch up and follow."""
        async with self._db.session() as session:
            await positions.begin(session, await self._ends())
        following = listen(
            self._hub,
            owner_id=None,
            names=self._names,
            begin=self._catch_up,
            hear=self._heard,
            look_s=self._look_s,
        )
        self._task = asyncio.create_task(following, name="webhooks-relay")

    async def stop(self) -> None:
        """Follow no longer; the next start goes on from here."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def tell(self) -> int:
        """Tell everything that is new; answers how many messages that made."""
        told = 0
        more = True
        while more:
            made, more = await self._step()
            told += made
        return told

    async def _heard(self, _news: Sequence[Delivery]) -> None:
        await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            await self.tell()
        except IntegrityError:
            # An account or a webhook went while this was written: the next look finds it gone.
            log.info("webhooks_step_again")
        except Exception:
            # Nothing is lost, the position stands; the next look tries again.
            log.exception("webhooks_not_told")

    async def _step(self) -> tuple[int, bool]:
        """Tell one page; says how many messages it made, and whether there is more."""
        async with self._db.reader() as session:
            stored = await positions.read(session)
        page = await self._read(stored)
        async with self._db.reader() as session:
            concerned = bool(await _wanted(session, page))
        if not concerned and self._may_pass_over(stored, page):
            self._seen = page.reached
            return 0, page.more
        async with self._db.session() as session:
            page = await self._read(await positions.hold(session))
            made = await _write(session, await _wanted(session, page))
            await positions.move(session, page.reached)
        self._seen, self._stored_at = page.reached, clock.monotonic()
        if made:
            metrics.MESSAGES.inc(made)
            self._bell.ring()
        return made, page.more

    def _may_pass_over(self, stored: Mapping[str, int], page: Page) -> bool:
        behind = sum(page.reached[key] - last for key, last in stored.items())
        lately = clock.monotonic() - self._stored_at < _PASSED_OVER_S
        return behind == 0 or (behind < _PASSED_OVER and lately)

    async def _read(self, stored: Mapping[str, int]) -> Page:
        """The next page behind what is stored and what was passed over; its `reached` names every source."""
        after = {key: max(last, self._seen.get(key, 0)) for key, last in stored.items()}
        page = await read_page(
            self._tables,
            positions.SOURCES,
            after=after,
            upto=await self._ends(),
            owner_id=None,
            names=self._names,
        )
        page.reached = after | page.reached
        return page

    async def _ends(self) -> dict[str, int]:
        return {source.key: await self._tables.last(source) for source in positions.SOURCES}


async def _wanted(session: Session, page: Page) -> list[_Told]:
    """What of a page some webhook listens to, in the order in which it happened."""
    owners = {event.owner_id for _, _, event, _ in page.events}
    if not owners:
        return []
    endpoints = await _endpoints_of(session, owners)
    wanted = []
    for _, _, event, at_us in page.events:
        at = clock.from_us(at_us)
        for declared in catalogue.made_of(event) if event.owner_id in endpoints else ():
            listening = [
                endpoint
                for endpoint in endpoints[event.owner_id]
                if endpoint.created_at <= at and declared.name in endpoint.events
            ]
            if listening:
                wanted.append(_Told(declared, event, at, listening))
    return wanted


async def _endpoints_of(session: Session, owners: Iterable[int]) -> dict[int, list[WebhookEndpoint]]:
    found: dict[int, list[WebhookEndpoint]] = {}
    query = select(WebhookEndpoint).where(WebhookEndpoint.owner_id.in_(sorted(owners)))
    for endpoint in await session.scalars(query.order_by(WebhookEndpoint.id)):
        found.setdefault(endpoint.owner_id, []).append(endpoint)
    return found


async def _write(session: Session, wanted: Sequence[_Told]) -> int:
    """Store messages, and deliveries to those webhooks that are enabled; answers how many messages.

    Messages go first: they lock the account, then deliveries the webhook, in the order in which a deletion does.
    Webhooks in the order of their ids, as whoever holds several.
    """
    now = clock.now()
    messages: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for told in wanted:
        text = _text(told)
        if text is None:
            continue
        message = new_message(told.event.owner_id, told.declared.name, text, told.at)
        messages.append(message)
        deliveries += [new_delivery(each, message["id"], now) for each in told.endpoints if each.enabled]
    if messages:
        await session.execute(insert(WebhookMessage), messages)
    if deliveries:
        deliveries.sort(key=lambda row: str(row["endpoint_id"]))
        await session.execute(insert(WebhookDelivery), deliveries)
        await _cancel_where_disabled(session, {str(row["endpoint_id"]) for row in deliveries})
    return len(messages)


async def _cancel_where_disabled(session: Session, endpoint_ids: set[str]) -> None:
    """Cancel what was just stored for webhooks that somebody disabled since they were read.

    Whoever disables one has it for himself, and deliveries refer to it: either he saw these and cancelled them, or
    they waited for him.
    """
    since = select(WebhookEndpoint).where(
        WebhookEndpoint.id.in_(sorted(endpoint_ids)), ~WebhookEndpoint.enabled
    )
    for endpoint in await session.scalars(since.execution_options(populate_existing=True)):
        await service.cancel_pending(session, endpoint, "the webhook was disabled while this was on its way.")


def _text(told: _Told) -> str | None:
    """The text of a message; None where the event is not to be told, or its data cannot be made."""
    try:
        data = told.declared.data(told.event)
        return None if data is None else text_of(told.declared.name, told.at, data)
    except Exception:  # one event that cannot be told must not stop those behind it
        metrics.UNTOLD.inc()
        log.exception("webhooks_event_not_told", webhook_event=told.declared.name)
        return None
