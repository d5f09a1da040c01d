"""The pieces of one server process that a fleet needs, and short words for what tests do with them."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import psycopg

from botyard.core.accounts.types import Kind, Principal
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.bus import Bus, MemoryBus
from botyard.core.realtime.events import Event
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.postgres_bus import PostgresBus
from botyard.core.realtime.types import Committed
from botyard.features.fleet import commands
from botyard.features.fleet.bell import CommandBell
from botyard.features.fleet.presence import Presence
from botyard.features.fleet.sources import LogSource, MessageSource
from botyard.features.fleet.types import CommandRecord
from botyard.kit.db import Database, Stores

OWNER = 7
BOT = "bot_a"
PATIENCE_S = 10
TIMEOUT_S = 60.0


def bot(bot_id: str = BOT, owner_id: int = OWNER) -> Principal:
    """A bot that calls with its own token."""
    return Principal(kind=Kind.bot, user_id=owner_id, bot_id=bot_id)


def person(user_id: int = OWNER) -> Principal:
    """Somebody who is signed in."""
    return Principal(kind=Kind.cookie, user_id=user_id)


_TABLES = (
    "commands",
    "logs",
    "messages",
    "presence",
    "synced_data",
    "tallies",
    "stream_events",
    "ingest_keys",
)


def empty(stores: Stores) -> None:
    """Remove every row of the stream store."""
    if stores.embedded:
        with closing(sqlite3.connect(str(stores.stream.database), isolation_level=None)) as connection:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")
        return
    with psycopg.connect(stores.stream.render_as_string(hide_password=False), autocommit=True) as server:
        for table in _TABLES:
            server.execute(f"DELETE FROM {table}")


async def admitted(*, fresh: bool) -> None:
    """A recheck that finds nothing wrong."""


class Fleet:
    """One process: everything it commits is in `told` as well, in order."""

    def __init__(self, stores: Stores, *, timeout_s: float = TIMEOUT_S, look_s: float = 5) -> None:
        self.db = Database(stores)
        bus: Bus = MemoryBus() if stores.embedded else PostgresBus(stores.main)
        self.hub = Hub(self.db, sources=[LogSource(), MessageSource()], bus=bus, look_s=look_s)
        self.writer = Writer(stores, max_rows=10_000, on_commit=self._committed)
        self.reader = StreamReader(stores)
        self.presence = Presence(self.writer, self.reader, timeout_s=timeout_s)
        self.bell = CommandBell(self.hub)
        self.told: list[Event] = []
        self._sources = {"logs": LogSource(), "messages": MessageSource()}
        for part in (self.writer, self.reader, self.presence, self.hub):
            self.db.parts.add(part)

    async def start(self) -> None:
        """Start everything but the presence's watch: tests sweep when they want."""
        for piece in (self.hub, self.writer, self.reader, self.bell):
            await piece.start()

    async def stop(self) -> None:
        """Stop in reverse."""
        for piece in (self.bell, self.reader, self.writer, self.hub):
            await piece.stop()
        await self.db.close()

    def _committed(self, what: Committed) -> None:
        for part in what.appended:
            for row in part.rows:
                if part.table == "stream_events":
                    self.told.append(row["event"])
                else:
                    self.told.append(self._sources[part.table].event(row))
        self.hub.committed(what)

    def of(self, kind: type[Event]) -> list[Any]:
        """Events of one class that were told, in order."""
        return [event for event in self.told if isinstance(event, kind)]

    async def command(self, type: str = "ping", **fields: Any) -> CommandRecord:  # noqa: A002
        """Queue a command for the bot."""
        fields = {"bot_id": BOT, "owner_id": OWNER, "created_by": OWNER} | fields
        return await commands.create(self.writer, type=type, **fields)

    async def lease(self, *, bot_id: str = BOT, limit: int = 10, lease_s: float = 60) -> list[CommandRecord]:
        """Take commands, as the bot does."""
        return await commands.lease(self.writer, bot_id=bot_id, limit=limit, lease_s=lease_s)

    async def ack(
        self,
        command_id: str,
        result: Any = None,
        *,
        succeeded: bool = True,
        caller: Principal | None = None,
        lease_id: str | None = None,
    ) -> CommandRecord:
        """Finish a command, as the bot does."""
        return await commands.acknowledge(
            self.writer,
            command_id=command_id,
            caller=caller or bot(),
            succeeded=succeeded,
            result=result,
            lease_id=lease_id,
        )

    async def get(self, command_id: str) -> CommandRecord:
        """A command as it is stored."""
        return await commands.get(self.reader, command_id, caller=person())

    async def wait(
        self, *, bot_id: str = BOT, wait_s: float = PATIENCE_S, lease_s: float | None = 60
    ) -> list[CommandRecord]:
        """A long-poll of the bot."""
        return await self.bell.lease_waiting(
            self.writer,
            self.reader,
            bot_id=bot_id,
            caller=bot(bot_id),
            recheck=admitted,
            limit=10,
            lease_s=lease_s,
            wait_s=wait_s,
        )

    async def rows(self, table: str) -> list[Row]:
        """Everything in a table of the stream store."""
        return await self.reader.scan(f"SELECT * FROM {table}")

    async def tally(self) -> dict[str, int]:
        """The counters of the bot that are not zero."""
        rows = await self.reader.query(
            "SELECT name, value FROM tallies WHERE bot_id = :bot_id", {"bot_id": BOT}
        )
        return {row["name"]: row["value"] for row in rows if row["value"]}

    async def all_wait(self, number: int) -> None:
        """Return when so many long-polls rest."""
        async with asyncio.timeout(PATIENCE_S):
            while self.bell.waiting < number or not self.hub.connected:
                await asyncio.sleep(0)
