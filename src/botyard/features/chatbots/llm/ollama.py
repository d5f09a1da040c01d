"""Ollama's own interface, `/api/chat`, answered as lines of JSON.

Source: Ollama's published OpenAPI description, read 2026-11-28.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from botyard.features.chatbots.llm import wire
from botyard.features.chatbots.llm.errors import ModelFailed
from botyard.features.chatbots.llm.port import Ask


class Ollama:
    """One server; a key is sent where there is one, as a proxy before it may want."""

    def __init__(self, http: httpx.AsyncClient, url: str, key: str = "") -> None:
        self._http = http
        self._url = f"{url.rstrip('/').removesuffix('/api')}/api/chat"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def stream(self, ask: Ask) -> AsyncGenerator[str, None]:
        """The answer piece by piece. Raises a kind of ModelFailed."""
        body = {
            "model": ask.model,
            "messages": [{"role": each.role, "content": each.content} for each in ask.messages],
            "stream": True,
            "think": False,  # thinking is not shown, and would take the tokens of the answer
            "format": ask.schema,
            "options": {"temperature": ask.temperature, "num_predict": ask.max_tokens},
        }
        async with wire.posting(self._http, self._url, body, self._headers) as reply:
            async with aclosing(wire.lines(reply)) as lines:
                async for line in lines:
                    event = wire.read(line)
                    message = event.get("message")
                    if isinstance(message, dict) and (text := message.get("content")):
                        yield str(text)
                    if event.get("done") is True:
                        return
            raise ModelFailed("The language model broke off in the middle of its answer.")
