"""The live events of the yard for programs: server-sent events at `/events`, a WebSocket at `/events/socket`.

Both carry the same JSON: `{"id", "name", "at", "owner_id", "data"}`. An `id` given back as `Last-Event-ID`
(or `?since=`) continues right after it, with nothing missed and nothing twice.
"""

import asyncio
import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.policy import Table, user
from botyard.core.accounts.types import Principal
from botyard.core.realtime import events
from botyard.core.realtime.hub import Delivery, Hub, SlowConsumer, Subscription
from botyard.edge import endings
from botyard.edge.caller import Caller
from botyard.edge.document import assemble
from botyard.edge.errors import amid
from botyard.edge.guard import GuardedRoute, GuardedSocket
from botyard.edge.health import translate
from botyard.edge.parts import Live
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, Malformed, Unauthenticated
from botyard.settings import Settings

router = APIRouter(route_class=GuardedRoute)
KEEP_ALIVE_S = 15.0
Renew = Callable[[Principal], Awaitable[Principal]]
Names = Annotated[list[str] | None, Query(description="Only events of these names.", max_length=100)]
Since = Annotated[str | None, Query(description="Continue after the event of this id.", max_length=200)]

POLICY: Table = {"GET /events": user("events:read"), "WS /events/socket": user("events:read")}


def subscribe(hub: Hub, caller: Principal, names: list[str] | None, since: str | None) -> Subscription:
    """What the caller may hear: one's own events, everybody's for administrators in person.

    Raises Malformed for a name that no event has, CursorInvalid.
    """
    for name in names or ():
        if name not in events.names():
            raise Malformed(_no_event(name))
    wanted = None if not names else frozenset(names) | endings.NAMES
    return hub.subscribe(
        owner_id=None if caller.is_admin else caller.user_id, names=wanted, since=since or None
    )


def _no_event(name: str) -> str:
    close = difflib.get_close_matches(name, events.names(), n=1)
    said = f"There is no event called {name[:60]!r}."
    return f"{said} Did you mean {close[0]!r}?" if close else f"{said} The reference of events lists them."


def encoded(delivery: Delivery) -> str:
    """One event as JSON; made once however many listen."""
    return delivery.once("json", _encode)


def _encode(delivery: Delivery) -> str:
    data: dict[str, Any] = msgspec.to_builtins(delivery.event)
    owner_id = data.pop("owner_id")
    body = {
        "id": delivery.id,
        "name": delivery.event.name,
        "at": clock.rfc3339(delivery.at),
        "owner_id": owner_id,
        "data": data,
    }
    return msgspec.json.encode(body).decode()


@router.get("/events", response_class=StreamingResponse)
async def stream(
    request: Request, hub: Live, caller: Caller, name: Names = None, since: Since = None
) -> StreamingResponse:
    """Events as they happen, and first those after `Last-Event-ID`."""
    subscription = subscribe(hub, caller, name, request.headers.get("last-event-id") or since)
    renew = request.app.state.db.parts.get(Authenticator).renew
    return StreamingResponse(
        _frames(subscription, caller, renew),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _heard(
    subscription: Subscription, caller: Principal, renew: Renew
) -> AsyncIterator[Sequence[Delivery]]:
    """What happens, [] where a while was silent, for as long as the caller may hear it.

    Raises SlowConsumer, and Unauthenticated once what the caller came with has ended.
    """
    while not subscription.closed:
        batch = await subscription.take(timeout_s=min(KEEP_ALIVE_S, endings.left_s(caller)))
        if batch or not subscription.closed:
            yield batch
        if any(endings.ends(one.event, caller) for one in batch):
            raise Unauthenticated
        caller = await renew(caller)


async def _frames(subscription: Subscription, caller: Principal, renew: Renew) -> AsyncIterator[str]:
    async with subscription:
        yield f"retry: 2000\nid: {subscription.cursor()}\n\n"
        try:
            async for batch in _heard(subscription, caller, renew):
                yield _written(batch) or f": still here\nid: {subscription.cursor()}\n\n"
        except Exception as error:  # whoever still may comes back by itself, with the last id
            amid(error, what="events")


def _written(batch: Sequence[Delivery]) -> str:
    return "".join(f"id: {one.id}\nevent: {one.event.name}\ndata: {encoded(one)}\n\n" for one in batch)


async def socket(websocket: WebSocket) -> None:
    """The same events over a WebSocket, one JSON text each; what the client sends is read and ignored."""
    caller: Principal = websocket.scope["state"]["caller"]
    hub: Hub = websocket.app.state.db.parts.get(Hub)
    query = websocket.query_params
    await websocket.accept()
    try:
        subscription = subscribe(hub, caller, query.getlist("name"), query.get("since"))
    except BotyardError as error:
        await websocket.close(1008, str(error)[:120])
        return
    # Both directions at once: a handler that only sends never notices that its client has gone.
    renew = websocket.app.state.db.parts.get(Authenticator).renew
    sending = asyncio.create_task(_send(websocket, subscription, caller, renew))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        subscription.close()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(websocket: WebSocket, subscription: Subscription, caller: Principal, renew: Renew) -> None:
    code, reason = 1001, "the server stops"
    try:
        async with subscription:
            async for batch in _heard(subscription, caller, renew):
                for delivery in batch:
                    await websocket.send_text(encoded(delivery))
    except Unauthenticated:
        code, reason = 1008, "the session has ended"
    except SlowConsumer:
        code, reason = 1013, "too slow; come back with the last id"
    except WebSocketDisconnect:
        return
    except Exception as error:  # a socket that stays open and silent would never be opened anew
        amid(error, what="a socket of events")
        code, reason = 1011, "something failed here; come back with the last id"
    with suppress(RuntimeError):  # the client may have closed first
        await websocket.close(code, reason)


def create(db: Database, settings: Settings) -> FastAPI:
    """Both faces as an app."""
    app = FastAPI(title="Botyard events", openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.append(GuardedSocket("/events/socket", socket))
    assemble(app, db, settings, routers=[router], translate=translate, table=POLICY, described=False)
    return app
