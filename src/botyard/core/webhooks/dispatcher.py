"""Sends what is due, many at once, and writes down how it went: one transaction for many of both.

A delivery is leased before it is sent. A process that dies lets its leases run out, and somebody sends the same body
again under the same `webhook-id`: at least once, never under another one.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Sequence

import httpx
import structlog

from botyard.core.webhooks import claiming, metrics
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.claiming import Room
from botyard.core.webhooks.sending import Claim, Outcome, new_client, send
from botyard.core.webhooks.settling import settle
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.settings import Settings

log = structlog.get_logger(__name__)

_LOOK_S = 1.0  # how often it looks for what nobody rang for: later attempts, work of other processes
_GATHER_S = 0.01  # while something is under way: what ends within it is written together
_AGAIN_S = 1.0  # after trouble with the database
_STOP_S = 3.0  # for what is being sent when the server stops
_REMEMBERED = 10_000  # webhooks whose turn is known


class Dispatcher:
    """The sending half of webhooks; belongs to the event loop that started it."""

    def __init__(
        self,
        db: Database,
        bell: DueBell,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        look_s: float = _LOOK_S,
    ) -> None:
        self._db = db
        self._bell = bell
        self._transport = transport
        self._look_s = look_s
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._sending: dict[asyncio.Task[None], Claim] = {}
        self._done: list[Outcome] = []
        self._doubtful: list[Claim] = []  # leased, but perhaps not: whether that was committed was not heard
        self._turns = itertools.count(1)
        self._served: dict[str, int] = {}  # when each webhook had its last turn
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send. On SQLite nobody else sends, so what a dead process was sending is due at once."""
        if self._db.embedded:
            async with self._db.session() as session:
                await claiming.let_go(session)
        self._stopping = False
        self._bell.ring()
        self._task = asyncio.create_task(self._run(), name="webhooks-dispatcher")

    async def stop(self) -> None:
        """Begin nothing new, wait a moment for what is being sent, write down how it went, let go of the rest."""
        self._stopping = True
        self._bell.ring()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._sending:
            await asyncio.wait(self._sending, timeout=_STOP_S)
        cut = dict(self._sending)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        try:
            await self._write_the_last(list(cut.values()))
        finally:
            while self._clients:
                await self._clients.popitem()[1].aclose()

    async def send_due(self) -> int:
        """Send what is due until nothing is, in place of `start`; answers how many attempts that made."""
        made = 0
        while True:
            await self._turn()
            if sending := list(self._sending):
                await asyncio.wait(sending)
                made += len(sending)
            elif not self._done:
                return made

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._bell.rung.wait()
            if self._sending:
                await asyncio.sleep(_GATHER_S)
            self._bell.rung.clear()
            if self._stopping:
                return
            try:
                await self._turn()
            except Exception:
                # What was sent stays in `_done` and is written next time; leases outlast a short absence.
                log.exception("webhooks_turn_failed")
                await asyncio.sleep(_AGAIN_S)

    async def _turn(self) -> None:
        """Write what was sent, lease what is next, begin to send it."""
        outcomes, doubtful = list(self._done), list(self._doubtful)
        if not outcomes and not doubtful and not await self._anything_due():
            return
        claims: list[Claim] = []
        failed: list[Outcome] = []
        try:
            async with self._db.session() as session:
                if outcomes:
                    await settle(session, outcomes)
                await claiming.give_up(session, doubtful)
                now = clock.now()
                chosen = await self._choose(session)
                endpoints = await claiming.hold_endpoints(session, chosen, now) if chosen else []
                claims, failed = await claiming.claim(session, endpoints, self._room(), now)
        except BaseException:
            # It may be committed all the same, and nobody sends these: they need not wait for their leases to run out.
            self._doubtful += [*claims, *(one.claim for one in failed)]
            raise
        del self._done[: len(outcomes)]
        del self._doubtful[: len(doubtful)]
        self._done += failed
        for claim in claims:
            self._begin(claim)
        for endpoint_id in chosen:
            self._served[endpoint_id] = next(self._turns)
        if claims or failed:
            self._bell.ring()  # there may be more

    async def _anything_due(self) -> bool:
        async with self._db.reader() as session:
            return bool(await self._choose(session))

    async def _choose(self, session: Session) -> list[str]:
        """Webhooks whose turn it is, as long as they and their accounts may be sent more."""
        if len(self._sending) >= claiming.IN_FLIGHT:
            return []
        sending, room = self._by_endpoint(), self._room()
        due = await claiming.due_endpoints(session, clock.now())
        possible = [
            one
            for one in due
            if sending[one.endpoint_id] < one.at_once and room.for_account(one.owner_id) > 0
        ]
        if len(self._served) > _REMEMBERED:
            self._served.clear()
        return claiming.in_turn(possible, self._served)[: claiming.ENDPOINTS_AT_ONCE]

    def _room(self) -> Room:
        return Room(self._sending.values())

    def _by_endpoint(self) -> Counter[str]:
        return Counter(claim.endpoint_id for claim in self._sending.values())

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._send(claim), name=f"webhook-{claim.delivery_id}")
        self._sending[task] = claim
        task.add_done_callback(self._ended)
        metrics.IN_FLIGHT.set(len(self._sending))

    async def _send(self, claim: Claim) -> None:
        self._done.append(await send(self._client(), claim))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        metrics.IN_FLIGHT.set(len(self._sending))
        self._bell.ring()

    def _client(self) -> httpx.AsyncClient:
        allow_private = self._db.parts.get(Settings).allow_private_networks
        if allow_private not in self._clients:
            self._clients[allow_private] = new_client(allow_private=allow_private, transport=self._transport)
        return self._clients[allow_private]

    async def _write_the_last(self, cut: Sequence[Claim]) -> None:
        """At the end: how the last ones went, and no lease for those that were cut off."""
        unsent = [*cut, *self._doubtful]
        if not self._done and not unsent:
            return
        async with self._db.session() as session:
            if self._done:
                await settle(session, self._done)
            await claiming.give_up(session, unsent)
        self._done.clear()
        self._doubtful.clear()
