"""What is stored takes effect: in this process at once, in the others within a second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update as sql_update

from botyard.core import audit, vault
from botyard.core.config import live, queries
from botyard.core.config import service as config
from botyard.core.config.live import Live
from botyard.core.config.models import ConfigSetting
from botyard.core.config.owned import StartValues
from botyard.core.realtime.bus import Bus, MemoryBus
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.postgres_bus import PostgresBus
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.core.config.conftest import Update

WITHIN_S = 1.0
PATIENCE_S = 15


class Process:
    """What a server process has of settings: a database, a hub, and the piece that follows."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy()
        self.db = Database(settings.stores)
        self.db.parts.add(self.settings)
        self.db.parts.add(live.adopt(self.settings, settings.stores), kind=StartValues)
        bus: Bus = MemoryBus() if self.db.embedded else PostgresBus(settings.stores.main)
        self.hub = Hub(self.db, bus=bus)
        self.live = Live(self.db, self.hub)
        self.db.parts.add(self.live)

    async def start(self) -> None:
        await vault.open_keyring(self.db, data_dir=self.settings.data_dir)
        await audit.open_key(self.db)
        await self.hub.start()
        await self.live.start()

    async def stop(self) -> None:
        await self.live.stop()
        await self.hub.stop()
        await self.db.close()

    async def update(self, **changes: Any) -> dict[str, Any]:
        async with self.db.session() as session:
            return await config.update(session, "botyard", changes, actor=None)


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def begin(settings: Settings) -> AsyncIterator[Start]:
    """begin(signin_attempts=4) starts a process with these settings from its environment."""
    running: list[Process] = []

    async def begin(prepare: Callable[[Process], None] = lambda _: None, **changes: Any) -> Process:
        process = Process(settings.model_copy(update=changes))
        running.append(process)
        prepare(process)
        await process.start()
        return process

    yield begin
    for process in running:
        await process.stop()


async def until(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> float:
    """Wait, in real time, for what another task does; answers the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)
    return loop.time() - began


async def test_a_change_takes_effect_in_this_process_at_once(begin: Start) -> None:
    process = await begin(signin_attempts=4)
    await process.update(signin_attempts=7, x_monthly_cap_usd="2.50", allow_private_networks=True)
    assert process.settings.signin_attempts == 7
    assert process.settings.x_monthly_cap_usd == Decimal("2.5")
    assert process.settings.allow_private_networks is True
    await process.update(signin_attempts=None)
    assert process.settings.signin_attempts == 4


async def test_a_change_that_is_rolled_back_takes_no_effect(begin: Start) -> None:
    process = await begin()

    async def fail() -> None:
        async with process.db.session() as session:
            await config.update(session, "botyard", {"signin_attempts": 7}, actor=None)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await process.live.follow()
    assert process.settings.signin_attempts == 10


async def test_what_is_stored_wins_over_the_environment_at_the_next_start(begin: Start) -> None:
    first = await begin()
    await first.update(signin_attempts=7, job_concurrency=3)
    assert first.settings.job_concurrency == 8  # that one waits for a restart
    async with first.db.reader() as session:
        entries = {entry.key: entry for entry in await queries.list_entries(session, "botyard")}
    assert entries["job_concurrency"].waits
    second = await begin(signin_attempts=5, job_concurrency=2)
    assert (second.settings.signin_attempts, second.settings.job_concurrency) == (7, 3)
    await second.update(signin_attempts=None)
    assert second.settings.signin_attempts == 5


async def test_pieces_that_took_a_copy_are_told(begin: Start) -> None:
    told: list[int] = []
    process = await begin(lambda one: one.live.on_change("presence_timeout_s", told.append))
    assert told == []
    await process.update(presence_timeout_s=90, registration="closed")
    await process.update(registration="open")
    await process.update(presence_timeout_s=None)
    assert told == [90, 60]


async def test_a_piece_is_told_at_the_start_where_another_value_is_stored(begin: Start) -> None:
    await (await begin()).update(presence_timeout_s=90)
    told: list[int] = []
    await begin(lambda one: one.live.on_change("presence_timeout_s", told.append))
    assert told == [90]


async def test_a_piece_that_fails_does_not_keep_the_others_from_following(begin: Start) -> None:
    told: list[str] = []

    def prepare(process: Process) -> None:
        process.live.on_change("log_level", lambda _: 1 / 0)
        process.live.on_change("log_level", told.append)

    process = await begin(prepare)
    await process.update(log_level="debug", signin_attempts=7)
    assert (told, process.settings.signin_attempts) == (["debug"], 7)


async def test_a_stored_value_of_another_version_is_left_out(
    begin: Start, update: Update, house: Database
) -> None:
    await update("botyard", signin_attempts=7, log_level="debug")
    async with house.session() as session:
        where = ConfigSetting.key == "log_level"
        await session.execute(sql_update(ConfigSetting).where(where).values(value="loud"))
        session.add(
            ConfigSetting(
                service="botyard",
                key="gone",
                value=1,
                secret=False,
                updated_at=(await session.get(ConfigSetting, ("botyard", "log_level"))).updated_at,  # type: ignore[union-attr]
                updated_by=0,
            )
        )
    process = await begin()
    assert (process.settings.signin_attempts, process.settings.log_level) == (7, "info")
    async with process.db.reader() as session:
        entries = {entry.key: entry for entry in await queries.list_entries(session, "botyard")}
    assert (entries["log_level"].value, entries["log_level"].stored) == ("info", False)
    assert (await process.update(log_level="error"))["log_level"] == "error"
    assert process.settings.log_level == "error"


async def test_a_change_that_no_event_told_is_found(begin: Start, update: Update) -> None:
    """As the command line makes it, beside a server on SQLite."""
    process = await begin()
    await update("botyard", signin_attempts=7)
    await until(lambda: process.settings.signin_attempts == 7)


async def test_a_process_without_a_store_yet_keeps_its_start_values(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "none", signin_attempts=4)
    start = live.adopt(settings, settings.stores)
    assert (settings.signin_attempts, start["signin_attempts"]) == (4, 4)
    assert not (tmp_path / "none").exists()


@pytest.fixture
def shared(postgres_stores: Stores, tmp_path: Path) -> Settings:
    """Settings of processes that share a PostgreSQL database."""
    url = postgres_stores.main.render_as_string(hide_password=False)
    return Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url)


async def test_another_process_follows_within_a_second(shared: Settings) -> None:
    here, there = Process(shared), Process(shared)
    told: list[str] = []
    there.live.on_change("log_level", told.append)
    for process in (here, there):
        await process.start()
    try:
        await until(lambda: not (here.hub.degraded or there.hub.degraded))
        for attempts in (3, 4, 5):
            await here.update(signin_attempts=attempts)
            await until(lambda wanted=attempts: there.settings.signin_attempts == wanted, within_s=WITHIN_S)  # type: ignore[misc]
        await there.update(log_level="debug")
        await until(lambda: here.settings.log_level == "debug", within_s=WITHIN_S)
        assert told == ["debug"]
    finally:
        for process in (here, there):
            await process.stop()
