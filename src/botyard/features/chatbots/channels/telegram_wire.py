"""Calls to Telegram's Bot API and what its answers mean, above all: on which side of the sending a failure was.

Source of the format: https://core.telegram.org/bots/api, read on 28 November 2026.
"""

from typing import Any

import httpx

from botyard.features.chatbots.channels.errors import (
    TelegramFailed,
    TelegramRefused,
    TelegramTokenRefused,
    TelegramUnsure,
)
from botyard.kit.http import AddressRefused, NameUnknown, OutgoingFailed, PeerUnreachable, guarded_client
from botyard.kit.redaction import redact_text
from botyard.settings import Settings

POLL_S = 25  # how long Telegram keeps a question for updates open
MAX_FILE = 5 * 1024 * 1024
_TIMEOUT_S = POLL_S + 15.0
_CONNECT_S = 8.0  # well below the whole, so that "never connected" is told apart from "never answered"
_CALL_S = 20.0
_LONGEST_PAUSE_S = 3600.0
_MOST_SAID = 300  # characters of Telegram's own words in an error


def new_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for the address that the operator set, wherever that is."""
    return guarded_client(allow_private=True, timeout_s=_TIMEOUT_S, max_bytes=MAX_FILE, transport=transport)


class Telegram:
    """The Bot API as one bot calls it."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token

    async def call(self, method: str, *, timeout_s: float = _CALL_S, **params: Any) -> Any:
        """The result of a method. One attempt.

        Raises TelegramFailed where nothing happened and trying again helps, TelegramRefused where it never will,
        TelegramTokenRefused, and TelegramUnsure where nobody knows whether it happened.
        """
        reply = await self._exchange("POST", f"/bot{self._token}/{method}", timeout_s, json=params)
        try:
            body = reply.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _failure(reply.status_code, {})
        if reply.is_success and body.get("ok") is True:
            return body.get("result")
        raise _failure(int(body.get("error_code") or reply.status_code), body)

    async def download(self, file_id: str) -> bytes:
        """The content of a file that somebody sent. Raises as `call`."""
        found = await self.call("getFile", file_id=file_id)
        path = str((found or {}).get("file_path", ""))
        if not path or ".." in path:
            raise TelegramRefused("Telegram does not give this file out.")
        reply = await self._exchange("GET", f"/file/bot{self._token}/{path.lstrip('/')}", _CALL_S)
        if not reply.is_success:
            raise TelegramFailed(
                f"Telegram answered with status {reply.status_code} when a file was asked for."
            )
        return reply.content

    async def _exchange(self, method: str, path: str, timeout_s: float, **content: Any) -> httpx.Response:
        timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S)
        # A connection that was left open may be gone without notice, and then nobody knows what was read of it.
        headers = {"Connection": "close"}
        try:
            return await self._http.request(
                method, self._url + path, timeout=timeout, headers=headers, **content
            )
        except (AddressRefused, NameUnknown, PeerUnreachable):
            raise TelegramFailed("Telegram could not be reached; it is tried again.") from None
        except OutgoingFailed:
            raise TelegramUnsure from None


async def introduce(
    settings: Settings, token: str, *, transport: httpx.AsyncBaseTransport | None = None
) -> str:
    """The user name of the bot that a token belongs to. Raises as `Telegram.call`."""
    async with new_client(transport) as http:
        me = await Telegram(http, settings.telegram_url, token.strip()).call("getMe")
    return str((me or {}).get("username", ""))


def _failure(status: int, body: dict[str, Any]) -> Exception:
    said = " ".join(redact_text(str(body.get("description") or f"status {status}")).split())[:_MOST_SAID]
    if status == 429:
        pause = (body.get("parameters") or {}).get("retry_after", 1)
        pause_s = min(max(float(pause), 1.0), _LONGEST_PAUSE_S) if isinstance(pause, (int, float)) else 1.0
        return TelegramFailed(f"Telegram accepts no more for {pause_s:.0f} seconds.", retry_after_s=pause_s)
    if status in (401, 404):
        return TelegramTokenRefused()
    if status == 409:
        return TelegramFailed(f"Somebody else asks for this bot's updates: {said}", retry_after_s=10)
    if 400 <= status < 500:
        return TelegramRefused(f"Telegram refused this: {said}")
    return TelegramUnsure(f"Telegram answered with status {status}, so this may have happened or not: {said}")
