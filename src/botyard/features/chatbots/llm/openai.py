"""Servers that speak `/v1/chat/completions`: OpenAI, and most others. Answered as server-sent events.

Source: the public description of OpenAI's chat completions, read 2026-11-28. Servers differ in which options they
know; one that is refused is left out, or written in the newer way, and the request made again.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx

from botyard.features.chatbots.llm import wire
from botyard.features.chatbots.llm.errors import ModelFailed
from botyard.features.chatbots.llm.port import Ask


class OpenAI:
    """One server. `url` is its base address, with or without the version."""

    def __init__(self, http: httpx.AsyncClient, url: str, key: str = "") -> None:
        self._http = http
        self._url = f"{_base(url)}/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def stream(self, ask: Ask) -> AsyncGenerator[str, None]:
        """The answer piece by piece. Raises a kind of ModelFailed."""
        body = _body(ask)
        while True:
            try:
                async with aclosing(self._once(body)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except wire.Rejected as refusal:  # comes before the first piece
                if not _relax(body, refusal.said, ask):
                    raise

    async def _once(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        async with wire.posting(self._http, self._url, body, self._headers) as reply:
            async with aclosing(wire.lines(reply)) as lines:
                async for line in lines:
                    name, _, data = line.partition(":")
                    if name != "data":
                        if line.startswith("{"):
                            wire.read(line)  # some send an error instead of an event
                        continue
                    if data.strip() == "[DONE]":
                        return
                    for piece in _pieces(wire.read(data)):
                        yield piece
            raise ModelFailed("The language model broke off in the middle of its answer.")


def _base(url: str) -> str:
    trimmed = url.rstrip("/").removesuffix("/chat/completions")
    return trimmed if urlsplit(trimmed).path.strip("/") else f"{trimmed}/v1"


def _body(ask: Ask) -> dict[str, Any]:
    return {
        "model": ask.model,
        "messages": [{"role": each.role, "content": each.content} for each in ask.messages],
        "stream": True,
        "temperature": ask.temperature,
        "max_tokens": ask.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": ask.schema},
        },
    }


def _relax(body: dict[str, Any], said: str, ask: Ask) -> bool:
    """Change what the server does not know, each thing once; says whether there is anything left to try."""
    if "max_tokens" in said and "max_tokens" in body:
        del body["max_tokens"]
        body["max_completion_tokens"] = ask.max_tokens
    elif "temperature" in said and "temperature" in body:
        del body["temperature"]
    elif _about_form(said) and body.get("response_format", {}).get("type") == "json_schema":
        body["response_format"] = {"type": "json_object"}
    elif _about_form(said) and "response_format" in body:
        del body["response_format"]
    else:
        return False
    return True


def _about_form(said: str) -> bool:
    return any(word in said for word in ("response_format", "json_schema", "json_object", "schema"))


def _pieces(event: dict[str, Any]) -> list[str]:
    choices = event.get("choices")
    found = []
    for choice in choices[:1] if isinstance(choices, list) else []:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict) and isinstance(text := delta.get("content"), str) and text:
            found.append(text)
    return found
