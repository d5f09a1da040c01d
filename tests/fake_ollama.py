"""Ollama on loopback, its `/api/chat` after the published description: strict with requests."""

import json
from collections.abc import Iterable
from typing import Any

from tests.fake_models import FakeModels, misfits

_NUMBER = (int, float)
REQUEST = {
    "model": str,
    "messages": list,
    "stream": bool,
    "think": (bool, str),
    "format": (str, dict),
    "options": dict,
    "tools": list,
    "keep_alive": (str, int, float),
    "logprobs": bool,
    "top_logprobs": int,
}
MESSAGE = {"role": str, "content": str, "images": list, "tool_calls": list}
OPTIONS = {
    "temperature": _NUMBER,
    "num_predict": int,
    "num_ctx": int,
    "seed": int,
    "top_k": int,
    "top_p": _NUMBER,
    "min_p": _NUMBER,
    "stop": (str, list),
}
ROLES = {"system", "user", "assistant", "tool"}
AT = "2026-06-01T12:00:00Z"


class FakeOllama(FakeModels):
    """Has every model but `missing`."""

    media_type = "application/x-ndjson"

    def refuses(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, str] | None:
        if (method, path) != ("POST", "/api/chat"):
            return 404, "404 page not found"
        if body.get("model") == "missing":
            return 404, "model 'missing' not found"
        wrong = misfits(body, REQUEST, ("model", "messages"), "request")
        wrong += misfits(body.get("options", {}), OPTIONS, (), "options")
        for message in body.get("messages", []):
            wrong += misfits(message, MESSAGE, ("role", "content"), "message")
            wrong += [] if message.get("role") in ROLES else [f"the role {message.get('role')} is unknown"]
        return (400, "; ".join(wrong)) if wrong else None

    def streams(self, body: dict[str, Any]) -> bool:
        return body.get("stream", True) is True

    def refusal(self, words: str) -> dict[str, Any]:
        return {"error": words}

    def whole(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        return {**self._event(body, text), "done": True, **_FIGURES}

    def lines(self, body: dict[str, Any], pieces: Iterable[str]) -> list[str]:
        events = [self._event(body, piece) for piece in pieces]
        return [f"{json.dumps(event)}\n" for event in [*events, self.whole(body, "")]]

    def _event(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"model": body["model"], "created_at": AT, "message": message, "done": False}


_FIGURES = {
    "done_reason": "stop",
    "total_duration": 5_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_count": 11,
    "prompt_eval_duration": 1_000_000,
    "eval_count": 18,
    "eval_duration": 3_000_000,
}
