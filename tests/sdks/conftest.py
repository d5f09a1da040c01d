"""What the tests of the SDKs share: a server that answers as told, and both clients of Python."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from chatbots_platform import AsyncChatbotsClient, ChatbotsClient
from tests.sdks.fake_server import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(params=["blocking", "asyncio"])
async def make_client(
    request: pytest.FixtureRequest, server: FakeServer
) -> AsyncIterator[Callable[..., Any]]:
    """make_client(api_key="…") is a client of the fake server; the test runs with each of both."""
    made: list[Any] = []

    def make(**how: Any) -> Any:
        kind = ChatbotsClient if request.param == "blocking" else AsyncChatbotsClient
        made.append(
            kind(**{"api_key": "key", "base_url": server.url, "retry_delay_s": 0.001, "timeout_s": 5.0} | how)
        )
        return made[-1]

    yield make
    for client in made:
        await done(client.close() if request.param == "blocking" else client.aclose())


async def done(value: Any) -> Any:
    """What a call answered, of either client."""
    return await value if inspect.isawaitable(value) else value


async def all_of(items: Any) -> list[Any]:
    """Every item of an iterator, of either client."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)
