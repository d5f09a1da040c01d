"""What both kinds of servers share: one streamed request, its lines, and what its failures mean."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from botyard.features.chatbots.llm.errors import ModelBusy, ModelFailed, ModelMisconfigured, ModelTooSlow
from botyard.kit.http import AddressRefused, OutgoingFailed, PeerTooSlow

MAX_LINE = 256 * 1024
MAX_ERROR = 8 * 1024
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


class Rejected(ModelMisconfigured):
    """The language model does not accept the request as it is."""

    code = "model_request_rejected"

    def __init__(self, status: int, said: str) -> None:
        self.said = said
        super().__init__(_explained(status, said))


@asynccontextmanager
async def posting(
    http: httpx.AsyncClient, url: str, body: dict[str, Any], headers: dict[str, str]
) -> AsyncIterator[httpx.Response]:
    """The answer to a request, its head read and good. Raises a kind of ModelFailed, also from within the block."""
    try:
        async with http.stream("POST", url, json=body, headers=headers) as reply:
            if reply.status_code != 200:
                raise _failure(reply.status_code, await _error_text(reply))
            yield reply
    except PeerTooSlow as error:
        raise ModelTooSlow from error
    except (AddressRefused, OutgoingFailed) as error:
        raise ModelFailed(f"The language model cannot be asked: {error}") from error


async def lines(reply: httpx.Response) -> AsyncGenerator[str, None]:
    """The lines of a streamed answer, without blank ones."""
    pending = b""
    async for piece in reply.aiter_bytes():
        *whole, pending = (pending + piece).split(b"\n")
        if len(pending) > MAX_LINE:
            raise ModelFailed("The language model sent a line without an end; check its address.")
        for line in whole:
            if text := line.decode("utf-8", "replace").strip():
                yield text
    if text := pending.decode("utf-8", "replace").strip():
        yield text


def read(line: str) -> dict[str, Any]:
    """A line as a JSON object. Raises ModelFailed."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ModelFailed("The language model sent something that is no JSON; check its address.")
    if error := value.get("error"):
        raise ModelFailed(f"The language model stopped: {_shown(error)}")
    return value


async def _error_text(reply: httpx.Response) -> str:
    body = b""
    async for piece in reply.aiter_bytes():
        body += piece
        if len(body) > MAX_ERROR:
            break
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return _shown(value.get("error", "")) if isinstance(value, dict) else ""


def _failure(status: int, said: str) -> ModelFailed:
    if status in _BUSY:
        return ModelBusy(f"The language model answered {status}; it is tried again later.")
    return Rejected(status, said)


def _explained(status: int, said: str) -> str:
    if status in (401, 403):  # what it says may repeat the key
        return f"The language model answered {status}: store a valid key for it."
    if status == 404:
        return "The language model is not there: check its name, and that it was loaded on its server."
    return f"The language model answered {status}" + (f": {said}" if said else ".")


def _shown(error: object) -> str:
    """What a server says of an error, short and without line ends."""
    text = error.get("message", "") if isinstance(error, dict) else error
    return " ".join(str(text).split())[:300]
