"""The one stream of a page: its pieces drawn again when something happens, and rows for its tail."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse

from botyard.core.bots.events import BotDeleted
from botyard.core.realtime.hub import SlowConsumer, Subscription
from botyard.edge import endings
from botyard.edge.caller import resolve
from botyard.edge.errors import amid
from botyard.edge.guard import GuardedRoute
from botyard.features.fleet.events import PresenceChanged
from botyard.kit import clock
from botyard.kit.errors import NotFound, Unauthenticated
from botyard.web import bot, chatbots, first_run, fleet, jobs, logs, overview, service_logs, webhooks, x_bot
from botyard.web.errors import last_word
from botyard.web.scene import Pieces, Scene, View
from botyard.web.shell import SceneFor, partial

router = APIRouter(route_class=GuardedRoute)
VIEWS: dict[str, View] = {
    "overview": overview.LIVE,
    "welcome": first_run.LIVE,
    "fleet": fleet.LIVE,
    "logs": logs.LIVE,
    "service-logs": service_logs.LIVE,
    "jobs": jobs.LIVE,
    "job": jobs.ONE_LIVE,
    "x-bot": x_bot.LIVE,
    **bot.LIVE,
    **chatbots.VIEWS,
    **webhooks.LIVE,
}
GATHER_S = 0.3  # what happens within this time is shown together: three draws a second at most
BEAT_S = 10.0  # a sign of life for proxies; who was signed out meanwhile is told
MOST_BEHIND = 2_000  # a gap longer than this is drawn anew instead of replayed


@router.get("/live/{view}")
async def stream(request: Request, view: str, scene: SceneFor) -> StreamingResponse:
    """Pieces of HTML as unnamed messages, rows and signals as named ones."""
    found = VIEWS.get(view)
    if found is None:
        raise NotFound
    await found.check(scene)
    since = request.headers.get("last-event-id") or scene.says("since") or None
    names = found.names | endings.NAMES | {PresenceChanged.name, BotDeleted.name}
    subscription = scene.hub.subscribe(owner_id=scene.owner_id, names=names, since=since)
    gap = scene.hub.behind(subscription) > MOST_BEHIND
    if gap or found.tail is None:  # what is drawn whole needs nothing replayed
        subscription = scene.hub.subscribe(owner_id=scene.owner_id, names=names)
    feed = _Feed(request, scene, found, subscription)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(feed.frames(gap=gap), media_type="text/event-stream", headers=headers)


class _Feed:
    """One open stream."""

    def __init__(self, request: Request, scene: Scene, view: View, subscription: Subscription) -> None:
        self.request = request
        self.scene = scene
        self.view = view
        self.subscription = subscription
        self.cursor = scene.hub.cursor()
        self.shown: Pieces = {}

    async def frames(self, *, gap: bool) -> AsyncIterator[bytes]:
        """Everything that is sent, until either side ends it."""
        async with self.subscription:
            yield format_sse_event(comment="here", retry=1000)
            try:
                for frame in await self._first(gap=gap):
                    yield frame
                while not self.subscription.closed:
                    for frame in await self._next():
                        yield frame
            except (Unauthenticated, NotFound) as ended:
                yield last_word(ended)
            except SlowConsumer:
                return  # the browser comes back with its cursor
            except (SQLAlchemyError, OSError) as away:
                amid(away, what="a live page")  # the same

    async def _next(self) -> list[bytes]:
        wait_s = min(self.view.every_s or BEAT_S, BEAT_S)
        heard = await self.subscription.take(timeout_s=wait_s)
        if any(endings.ends(delivery.event, self.scene.caller) for delivery in heard):
            raise Unauthenticated
        if any(isinstance(delivery.event, BotDeleted) for delivery in heard):
            await self.view.check(self.scene)
        await resolve(self.request, self.scene.db, cookie=True)  # a session also ends by its age
        if not heard:
            due = self.view.every_s is not None
            return (await self._drawn() if due else []) or [format_sse_event(comment="here")]
        await clock.sleep(GATHER_S)
        heard += await self.subscription.take(timeout_s=0)
        self.cursor = heard[-1].id
        signals = [
            self._frame(json.dumps({"bot_id": event.bot_id, "online": event.online}), name="presence")
            for event in (delivery.event for delivery in heard)
            if isinstance(event, PresenceChanged)
        ]
        rows = await self.view.tail.rows(self.scene, heard) if self.view.tail else ""
        return signals + ([self._frame(rows, name="rows")] if rows else []) + await self._drawn()

    async def _first(self, *, gap: bool) -> list[bytes]:
        """What may have changed since the page was made."""
        refilled = await self.view.tail.refill(self.scene) if gap and self.view.tail else {}
        return self._morphs(refilled) + await self._drawn()

    async def _drawn(self) -> list[bytes]:
        """Those pieces that look different from what was sent last."""
        pieces = await self.view.draw(self.scene)
        changed = {target: html for target, html in pieces.items() if self.shown.get(target) != html}
        self.shown = pieces
        return self._morphs(changed)

    def _morphs(self, pieces: Pieces) -> list[bytes]:
        html = "".join(partial(target, piece, swap="innerMorph") for target, piece in pieces.items())
        return [self._frame(html)] if html else []

    def _frame(self, data: str, *, name: str | None = None) -> bytes:
        return format_sse_event(data_str=data, event=name, id=self.cursor)
