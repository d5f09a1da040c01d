"""The reply to a message as it is written."""

import json
from collections.abc import Generator, Iterator

import httpx

from chatbots_platform._sync.transport import unreachable
from chatbots_platform.errors import Unreachable, from_event
from chatbots_platform.events import Event, EventParser
from chatbots_platform.types import Exchange, StreamEvent


def reply_events(response: httpx.Response) -> Generator[StreamEvent]:
    """Tokens as they come, and at last what was stored. Closes the response, also when it is left early."""
    try:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            for event in _server_sent(response):
                if event.name == "token":
                    yield {"type": "token", "text": json.loads(event.data)["text"]}
                elif event.name == "error":
                    raise from_event(json.loads(event.data))
                elif event.name == "message":
                    yield _final(json.loads(event.data))
                    return
            raise Unreachable("The reply broke off. Send the message again with the same idempotency_key.")
        # a server that does not stream this reply answers as to any other message
        yield _final(json.loads(response.read())["data"])
    except httpx.HTTPError as error:
        raise unreachable(error) from error
    finally:
        response.close()


def _server_sent(response: httpx.Response) -> Iterator[Event]:
    parser = EventParser()
    for chunk in response.iter_bytes():
        yield from parser.feed(chunk)


def _final(exchange: Exchange) -> StreamEvent:
    return {"type": "message", **exchange}
