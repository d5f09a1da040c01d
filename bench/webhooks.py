"""Webhook deliveries a second, from the commit of the events to the last receipt, and with a dead receiver among them.

    python -m bench.webhooks [--deliveries 1000] [--database-url postgresql://…]

The receiver runs in this process, so its time counts, too. SQLite lies beside this file and waits for the disk. In the
second round another webhook listens to the same events and hangs on everything it gets.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from botyard.app import Yard
from botyard.core.accounts.types import Principal
from botyard.core.realtime import Event
from botyard.core.webhooks import catalogue, deliveries, service
from botyard.settings import Settings

_EVENTS_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A message, about as long as people write them."""

    name: ClassVar[str] = "bench.said"
    n: int
    text: str = "Where is my order 12345? It should have come on Tuesday."


catalogue.declare("bench.said", event=Said, data=lambda event: {"n": event.n, "text": event.text})


class Receiver:
    """Answers 204 and counts, or never answers."""

    def __init__(self) -> None:
        self.got: set[str] = set()
        self.requests = 0
        self.wanted = 0
        self.complete = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                await reader.readexactly(int(headers["content-length"]))
                if "/dead" in head.partition("\r\n")[0]:
                    await asyncio.Event().wait()
                self.requests += 1
                self.got.add(headers["webhook-id"])
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
                if len(self.got) >= self.wanted:
                    self.complete.set()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver and its address."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    yield receiver, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def one_round(yard: Yard, receiver: Receiver, count: int) -> tuple[float, float, float]:
    """Let so many events happen; seconds until all were received, until all were written down, and CPU seconds."""
    receiver.got.clear()
    receiver.complete.clear()
    receiver.wanted = count
    began, cpu = time.perf_counter(), time.process_time()
    for first in range(0, count, _EVENTS_AT_ONCE):
        events = [Said(owner_id=1, n=n) for n in range(first, min(first + _EVENTS_AT_ONCE, count))]
        await yard.writer.run(lambda tx, events=events: [tx.emit(event) for event in events])
    await receiver.complete.wait()
    received = time.perf_counter() - began
    while await waiting(yard):
        await asyncio.sleep(0.02)
    return received, time.perf_counter() - began, time.process_time() - cpu


async def waiting(yard: Yard) -> int:
    """Deliveries to the living webhook that are not written down yet."""
    async with yard.db.reader() as session:
        [living, *_] = await service.list_endpoints(session, owner_id=1)
        pending = deliveries.DeliveryState.pending
        return await deliveries.count_deliveries(session, living.id, owner_id=1, state=pending)


async def register(yard: Yard, url: str) -> None:
    """A webhook of the first account."""
    async with yard.db.session() as session:
        me = Principal(user_id=1)
        await service.register(session, owner_id=1, url=url, events=["bench.said"], actor=me)


async def measure(settings: Settings, count: int) -> None:
    """Both rounds."""
    yard = Yard(settings, serves=False)
    await yard.start()
    try:
        async with receiving() as (receiver, url):
            await register(yard, f"{url}/living")
            for name in ("one receiver", "and one that hangs"):
                received_s, written_s, cpu_s = await one_round(yard, receiver, count)
                print(
                    f"{name:20} {count / received_s:7.0f} received/s   {count / written_s:7.0f} written down/s"
                    f"   {cpu_s / count * 1000:5.2f} ms CPU each"
                )
                await register(yard, f"{url}/dead")
            assert receiver.requests == 2 * count, "something was sent twice"
    finally:
        await yard.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument(
        "--database-url", default="", help="empty: SQLite in a temporary folder beside this file"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".webhooks-") as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            database_url=given.database_url,
            allow_private_networks=True,
            admin_password="benchmark only",
            log_level="error",
        )
        print(f"{'SQLite' if settings.stores.embedded else 'PostgreSQL'}, load {os.getloadavg()[0]:.1f}")
        asyncio.run(measure(settings, given.deliveries))


if __name__ == "__main__":
    main()
