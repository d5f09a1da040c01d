"""A server that speaks `/v1/chat/completions` on loopback: strict with requests, as old or as new as one wants."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fake_models import FakeModels, misfits

REQUEST = {
    "model": str,
    "messages": list,
    "stream": bool,
    "temperature": (int, float),
    "max_tokens": int,
    "max_completion_tokens": int,
    "response_format": dict,
}
MESSAGE = {"role": str, "content": str}
ROLES = {"system", "developer", "user", "assistant"}
FORMATS = {"text", "json_object", "json_schema"}


@dataclass
class FakeOpenAI(FakeModels):
    """Takes one key, or none where it is empty; what is named in `unknown` it refuses, as servers do that are older or newer."""

    key: str = "sk-parcel"
    unknown: set[str] = field(default_factory=set)
    media_type = "text/event-stream"

    def refuses(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, str] | None:
        if (method, path) != ("POST", "/v1/chat/completions"):
            return 404, "Not found"
        if headers.get("authorization", "") != (f"Bearer {self.key}" if self.key else ""):
            return 401, f"Incorrect API key provided: {headers.get('authorization')}"
        for name in sorted(self.unknown & set(body)):
            return 422, f"Unsupported parameter: '{name}'"
        wrong = misfits(body, REQUEST, ("model", "messages"), "request")
        if not 0 <= body.get("temperature", 1) <= 2:
            wrong.append("temperature is out of range")
        form = body.get("response_format", {"type": "text"})
        if form.get("type") not in FORMATS:
            wrong.append("response_format has no known type")
        if form.get("type") == "json_schema":
            wrong += misfits(
                form.get("json_schema", {}),
                {"name": str, "strict": bool, "schema": dict},
                ("name", "schema"),
                "format",
            )
        for message in body.get("messages", []):
            wrong += misfits(message, MESSAGE, ("role", "content"), "message")
            wrong += [] if message.get("role") in ROLES else [f"the role {message.get('role')} is unknown"]
        return (400, "; ".join(wrong)) if wrong else None

    def streams(self, body: dict[str, Any]) -> bool:
        return body.get("stream", False) is True

    def refusal(self, words: str) -> dict[str, Any]:
        return {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": None}}

    def whole(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 11, "completion_tokens": 18, "total_tokens": 29}
        return {**_head(body, "chat.completion"), "choices": [choice], "usage": usage}

    def lines(self, body: dict[str, Any], pieces: Iterable[str]) -> list[str]:
        head = _head(body, "chat.completion.chunk")
        deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in pieces]
        events = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        return [
            ": comment\n\n",
            *(f"data: {json.dumps(event)}\n\n" for event in [*events, last]),
            "data: [DONE]\n\n",
        ]


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_780_000_000, "model": body["model"]}
