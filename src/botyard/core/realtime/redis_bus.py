"""The bus over Redis or Valkey: publish and subscribe."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from botyard.core.realtime.link import CHANNEL, Link, LinkedBus


class _Listening:
    def __init__(self, client: Redis) -> None:
        self._client = client

    async def send(self, payload: str) -> None:
        await self._client.publish(CHANNEL, payload)

    async def ping(self) -> None:
        await self._client.ping()


class RedisBus(LinkedBus):
    """Where Redis is there anyway, for Socket.IO in several processes and for shared limits."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """Connect and subscribe."""
        # The driver must not connect again by itself: what was published meanwhile would be missed unnoticed.
        client = Redis.from_url(
            self._url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0, supported_errors=()),
            socket_connect_timeout=self.answer_s,
            socket_keepalive=True,
        )
        async with client, client.pubsub() as pubsub:
            # the driver itself would wait for a silent greeting for ever
            async with asyncio.timeout(self.answer_s):
                await pubsub.subscribe(CHANNEL)
            reading = asyncio.create_task(self._read(pubsub), name="bus-reading")
            try:
                yield _Listening(client)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, pubsub: PubSub) -> None:
        try:
            async for message in pubsub.listen():
                if message["type"] == "message":
                    self.receive(message["data"])
        finally:
            self.lose()
