"""Telegram's Bot API in memory, as strict as the real one where it matters; a test decides what goes wrong."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

ALLOWED = {
    "getMe": set[str](),
    "deleteWebhook": {"drop_pending_updates"},
    "setWebhook": {"url", "secret_token", "allowed_updates"},
    "getUpdates": {"offset", "limit", "timeout", "allowed_updates"},
    "sendMessage": {"chat_id", "text", "reply_markup"},
    "sendPhoto": {"chat_id", "photo", "reply_markup"},
    "sendChatAction": {"chat_id", "action"},
    "answerCallbackQuery": {"callback_query_id"},
    "getFile": {"file_id"},
}
Trouble = Callable[[], httpx.Response | Exception]


class FakeTelegram(httpx.AsyncBaseTransport):
    """One bot and the people who write to it. What a poll confirmed is forgotten, what it did not comes again."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.updates: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.webhook: dict[str, Any] | None = None
        self.trouble: dict[str, list[Trouble | None]] = {}  # of a method: what the next calls meet
        self.changed = asyncio.Event()
        self._next = 1

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        path = request.url.path
        if path.startswith(f"/file/bot{self.token}/"):
            return httpx.Response(200, content=self.files[path.rpartition("/")[2]])
        if not path.startswith(f"/bot{self.token}/"):
            return _refusal(401, "Unauthorized")
        method = path.rpartition("/")[2]
        params = json.loads(content or b"{}")
        assert set(params) <= ALLOWED[method], (method, params)
        self.calls.append((method, params))
        queue = self.trouble.get(method)
        if queue and (trouble := queue.pop(0)) is not None:
            met = trouble()
            if isinstance(met, Exception):
                raise met
            return met
        answer: Callable[[dict[str, Any]], Coroutine[Any, Any, httpx.Response]] | None = getattr(
            self, f"_{method}", None
        )
        return await answer(params) if answer else _result(True)

    async def _getUpdates(self, params: dict[str, Any]) -> httpx.Response:
        if self.webhook is not None:
            return _refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        self.updates = [one for one in self.updates if one["update_id"] >= params.get("offset", 0)]
        if not self.updates:
            self.changed.clear()
            await self.changed.wait()
        return _result(self.updates[:100])

    async def _getMe(self, _: dict[str, Any]) -> httpx.Response:
        return _result({"id": int(self.token.partition(":")[0]), "is_bot": True, "username": "ShopBot"})

    async def _deleteWebhook(self, _: dict[str, Any]) -> httpx.Response:
        self.webhook = None
        return _result(True)

    async def _setWebhook(self, params: dict[str, Any]) -> httpx.Response:
        self.webhook = params
        return _result(True)

    async def _getFile(self, params: dict[str, Any]) -> httpx.Response:
        return _result({"file_path": f"voice/{params['file_id']}"})

    async def _sendMessage(self, params: dict[str, Any]) -> httpx.Response:
        if not 0 < len(params["text"].encode("utf-16-le")) // 2 <= 4096:
            return _refusal(400, "Bad Request: message is too long")
        for row in params.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                assert button["text"]
                assert button.get("url") or 1 <= len(button["callback_data"].encode()) <= 64
        self.sent.append(params)
        self.changed.set()
        return _result(
            {"message_id": len(self.sent), "chat": {"id": params["chat_id"]}, "text": params["text"]}
        )

    # --- what people do -----------------------------------------------------------------------------

    def write(self, text: str = "", *, chat_id: int = 7, **fields: Any) -> dict[str, Any]:
        """Somebody writes in a private chat, or in the kind of chat that is named."""
        message = {
            "message_id": self._next,
            "from": {"id": chat_id, "is_bot": False, "first_name": "Ada", "language_code": "en"},
            "chat": {"id": chat_id, "type": fields.pop("type", "private")},
            "date": 1_780_000_000,
        } | ({"text": text} if text else {})
        return self._add({"message": message | fields})

    def press(self, sent: dict[str, Any], index: int, *, chat_id: int = 7) -> dict[str, Any]:
        """Somebody presses a button below a message."""
        [button] = sent["reply_markup"]["inline_keyboard"][index]
        below = {"message_id": 1, "chat": {"id": chat_id, "type": "private"}}
        return self._add(
            {
                "callback_query": {
                    "id": "55",
                    "from": {"id": chat_id},
                    "message": below,
                    "data": button["callback_data"],
                }
            }
        )

    def _add(self, update: dict[str, Any]) -> dict[str, Any]:
        update = {"update_id": self._next} | update
        self._next += 1
        self.updates.append(update)
        self.changed.set()
        return update

    @property
    def texts(self) -> list[str]:
        """What was sent, in order."""
        return [one["text"] for one in self.sent]


def _result(value: Any) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": value})


def _refusal(status: int, said: str, **parameters: Any) -> httpx.Response:
    body = {"ok": False, "error_code": status, "description": said}
    return httpx.Response(status, json=body | ({"parameters": parameters} if parameters else {}))


def slow_down() -> httpx.Response:
    """Telegram wants a pause."""
    return _refusal(429, "Too Many Requests: retry after 7", retry_after=7)


def blocked() -> httpx.Response:
    """The person does not want to hear from the bot any more."""
    return _refusal(403, "Forbidden: bot was blocked by the user")
