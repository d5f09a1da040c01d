"""Who is online: one derived value, from the last call with the bot's token.

A call is noted in memory and written at most once a second for all bots together. Coming online is
written at once. Silence is found by a sweep that any number of processes may run: the conditional update
tells each change once.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog

from botyard.core.accounts.types import Principal
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.retention import in_turn
from botyard.core.ingest.writer import Tx, Writer
from botyard.features.fleet import commands
from botyard.features.fleet.events import PresenceChanged
from botyard.kit import clock
from botyard.kit.errors import BotyardError

log = structlog.get_logger(__name__)
_SECOND = 1_000_000
WRITE_EVERY_S = 10  # a bot that stays online costs one small write in this time, however often it calls

_SEEN = (
    "UPDATE presence SET seen_us = :seen_us WHERE bot_id = :bot_id AND online = TRUE AND seen_us < :seen_us"
)
_RISE = """UPDATE presence SET online = TRUE, changed_us = :seen_us, seen_us = :seen_us WHERE bot_id = :bot_id
 AND online = FALSE AND seen_us < :seen_us"""
_FIRST = """INSERT INTO presence (bot_id, owner_id, online, seen_us, changed_us)
 VALUES (:bot_id, :owner_id, TRUE, :seen_us, :seen_us) ON CONFLICT DO NOTHING"""
_FALL = """UPDATE presence SET online = FALSE, changed_us = :now WHERE online = TRUE AND seen_us < :cutoff
 RETURNING bot_id, owner_id, seen_us"""
_BYE = """UPDATE presence SET online = FALSE, changed_us = :now, seen_us = :now WHERE bot_id = :bot_id
 AND online = TRUE RETURNING bot_id, owner_id, seen_us"""

_DELETE = "DELETE FROM presence WHERE bot_id = :bot_id RETURNING bot_id, owner_id, seen_us, online"


class Presence:
    """Notes calls, writes them down, and finds who fell silent."""

    def __init__(self, writer: Writer, reader: StreamReader, *, timeout_s: float) -> None:
        self._writer = writer
        self._reader = reader
        self.wait(timeout_s)
        self._seen: dict[str, int] = {}  # last call, by bot
        self._owners: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wait(self, timeout_s: float) -> None:
        """From now on take bots for offline after this many seconds without a call."""
        self._timeout_us = int(timeout_s * _SECOND)
        self._write_every_us = int(min(WRITE_EVERY_S, timeout_s / 3) * _SECOND)

    async def start(self) -> None:
        """Bring the store up to date with the time that passed while nobody watched, then keep watch."""
        await self.sweep()
        self._task = asyncio.create_task(self._watch(), name="presence")

    async def stop(self) -> None:
        """Write down what was noted last."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(BotyardError):  # the store may be gone already; presence heals by itself
            await self.write(all_of_them=True)

    def touch(self, bot: Principal) -> None:
        """Note a call of a bot; never waits."""
        now = clock.now_us()
        if now - self._written.get(bot.bot_id, 0) > self._timeout_us // 2:
            self._wake.set()
        self._seen[bot.bot_id] = now
        self._owners[bot.bot_id] = bot.user_id

    @property
    def longest_silence_s(self) -> float:
        """How long a call may keep a bot waiting without it seeming absent."""
        return self._timeout_us / _SECOND / 2

    def online_now(self, bot_id: str) -> bool:
        """Whether this process heard the bot within the timeout; the store knows what the others heard."""
        return clock.now_us() - self._seen.get(bot_id, 0) < self._timeout_us

    async def online(self, bot_ids: Iterable[str]) -> set[str]:
        """Those of the bots that are online."""
        wanted = set(bot_ids)
        here = {bot_id for bot_id in wanted if self.online_now(bot_id)}
        if here == wanted:
            return here
        params: dict[str, Any] = {"cutoff": clock.now_us() - self._timeout_us}
        sql = "SELECT bot_id FROM presence WHERE online = TRUE AND seen_us >= :cutoff"
        if len(wanted) == 1:
            sql, params = f"{sql} AND bot_id = :bot_id", {**params, "bot_id": next(iter(wanted))}
        rows = await self._reader.query(sql, params)
        return here | (wanted & {row["bot_id"] for row in rows})

    async def last_seen(self, bot_ids: Iterable[str]) -> dict[str, int]:
        """When each bot was last heard of, in microseconds since 1970; bots never heard of are absent."""
        wanted = set(bot_ids)
        if len(wanted) == 1:
            rows = await self._reader.query(
                "SELECT bot_id, seen_us FROM presence WHERE bot_id = :bot_id", {"bot_id": next(iter(wanted))}
            )
        else:
            rows = await self._reader.query("SELECT bot_id, seen_us FROM presence")
        stored = {row["bot_id"]: row["seen_us"] for row in rows if row["bot_id"] in wanted}
        return stored | {
            bot_id: max(self._seen[bot_id], stored.get(bot_id, 0)) for bot_id in wanted & self._seen.keys()
        }

    async def describe(self, bot: Principal, about: dict[str, Any]) -> None:
        """Keep what a bot says of itself: version, host, capabilities."""
        self.touch(bot)
        await self.write(all_of_them=True)
        text = msgspec.json.encode(about).decode()

        def operation(tx: Tx) -> None:
            tx.execute(
                "UPDATE presence SET about = :about WHERE bot_id = :bot_id",
                {"about": text, "bot_id": bot.bot_id},
            )

        await self._writer.run(operation)

    async def about(self, bot_id: str) -> dict[str, Any]:
        """What the bot last said of itself."""
        rows = await self._reader.query(
            "SELECT about FROM presence WHERE bot_id = :bot_id", {"bot_id": bot_id}
        )
        found: dict[str, Any] = msgspec.json.decode(rows[0]["about"]) if rows else {}
        return found

    async def bye(self, bot: Principal) -> None:
        """The bot leaves on purpose: offline at once."""
        await self.write(all_of_them=True)
        self.forget(bot.bot_id)

        def operation(tx: Tx) -> None:
            for row in tx.query(_BYE, {"bot_id": bot.bot_id, "now": tx.now_us}):
                _tell(tx, row, online=False, reason="bye")

        await self._writer.run(operation)

    def forget(self, bot_id: str) -> None:
        """Drop what is noted of a bot."""
        for notes in (self._seen, self._owners, self._written):
            notes.pop(bot_id, None)

    async def write(self, *, all_of_them: bool = False) -> None:
        """Write the calls noted since they were last written, at most every few seconds for each bot."""
        before = clock.now_us() - (0 if all_of_them else self._write_every_us)
        due = [
            (bot_id, self._owners[bot_id], seen)
            for bot_id, seen in self._seen.items()
            if seen > (written := self._written.get(bot_id, 0)) and written <= before
        ]
        if not due:
            return

        def operation(tx: Tx) -> None:
            for bot_id, owner_id, seen in due:
                _note(tx, bot_id, owner_id, seen)

        await self._writer.run(operation, rows=len(due))
        for bot_id, _owner, seen in due:
            if bot_id in self._seen:
                self._written[bot_id] = seen

    async def sweep(self) -> int:
        """Tell offline whoever was silent for the timeout; answers how many."""
        await self.write()

        def operation(tx: Tx) -> int:
            silent = tx.query(_FALL, {"now": tx.now_us, "cutoff": tx.now_us - self._timeout_us})
            for row in silent:
                _tell(tx, row, online=False, reason="silence")
            return len(silent)

        cutoff = clock.now_us() - self._timeout_us
        due = await self._reader.query(
            "SELECT 1 AS due FROM presence WHERE online = TRUE AND seen_us < :cutoff LIMIT 1",
            {"cutoff": cutoff},
        )
        return await self._writer.run(operation) if due else 0

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.sweep()
                if await commands.overdue(self._reader, now_us=clock.now_us()):
                    await commands.settle(self._writer)
            except BotyardError as error:
                log.warning("presence_not_written", reason=str(error))
                await clock.sleep(1.0)
            except Exception:  # whoever keeps watch outlives what it cannot know
                log.exception("presence_not_written")
                await clock.sleep(1.0)


async def forget_deleted(writer: Writer, bot_id: str) -> int:
    """Remove what is stored of a deleted bot; answers how many rows. Whoever took it for online hears that it is not."""

    def operation(tx: Tx) -> int:
        rows = tx.query(_DELETE, {"bot_id": bot_id})
        for row in rows:
            if row["online"]:
                _tell(tx, row, online=False, reason="deleted")
        return len(rows)

    return await in_turn(writer, operation)


def _note(tx: Tx, bot_id: str, owner_id: int, seen_us: int) -> None:
    # Each statement decides by itself, so of several processes that hear a bot at once one tells it.
    row = {"bot_id": bot_id, "owner_id": owner_id, "seen_us": seen_us}
    if not tx.execute(_SEEN, row) and (tx.execute(_RISE, row) or tx.execute(_FIRST, row)):
        _tell(tx, row, online=True, reason="call")


def _tell(tx: Tx, row: dict[str, Any], *, online: bool, reason: str) -> None:
    tx.emit(
        PresenceChanged(
            owner_id=row["owner_id"],
            bot_id=row["bot_id"],
            online=online,
            seen_us=row["seen_us"],
            reason=reason,
        )
    )
