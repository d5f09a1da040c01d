"""Where Telegram calls in, for channels that chose that: one update at a time, known by the secret it sends along."""

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.guard import HotRoute
from botyard.edge.talk import door
from botyard.features.chatbots.channels.telegram_desk import receive

router = APIRouter(route_class=HotRoute)
_SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
_update = msgspec.json.Decoder(dict)


@router.post("/telegram/{channel_id}")
async def update(request: Request) -> Response:
    """Take an update. Whatever is not answered 2xx, Telegram sends again."""
    body = bodies.decode(await fast.content(request), _update)
    await receive(
        door.database(request),
        request.path_params["channel_id"],
        secret=request.headers.get(_SECRET, ""),
        update=body,
    )
    return fast.answer({})
