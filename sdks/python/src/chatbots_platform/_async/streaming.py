"""The reply to a message as it is written."""

import json
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from chatbots_platform._async.transport import unreachable
from chatbots_platform.errors import Unreachable, from_event
from chatbots_platform.events import Event, EventParser
from chatbots_platform.types import Exchange, StreamEvent


async def reply_events(response: httpx.Response) -> AsyncGenerator[StreamEvent]:
    """Tokens as they come, and at last what was stored. Closes the response, also when it is left early."""
    try:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            async for event in _server_sent(response):
                if event.name == "token":
                    yield {"type": "token", "text": json.loads(event.data)["text"]}
                elif event.name == "error":
                    raise from_event(json.loads(event.data))
                elif event.name == "message":
                    yield _final(json.loads(event.data))
                    return
            raise Unreachable("The reply broke off. Send the message again with the same idempotency_key.")
        # a server that does not stream this reply answers as to any other message
        yield _final(json.loads(await response.aread())["data"])
    except httpx.HTTPError as error:
        raise unreachable(error) from error
    finally:
        await response.aclose()


async def _server_sent(response: httpx.Response) -> AsyncIterator[Event]:
    parser = EventParser()
    async for chunk in response.aiter_bytes():
        for event in parser.feed(chunk):
            yield event


def _final(exchange: Exchange) -> StreamEvent:
    return {"type": "message", **exchange}
