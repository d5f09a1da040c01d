"""An installation moves from its SQLite files to PostgreSQL with everything it has, or stays where it is."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, text
from typer.testing import CliRunner, Result

from botyard import cli, maintenance, migrations, transfer
from botyard.core.jobs import JobEngine, JobState
from botyard.core.jobs.models import JobRow, WorkerRow
from botyard.core.realtime.models import EventRow
from botyard.kit import clock
from botyard.kit.db import Database, Stores
from botyard.kit.keys import KeyFiles
from botyard.settings import Settings
from tests.browser.yard import ADMIN_PASSWORD, Yard, fill, make_bot, make_chatbot
from tests.core.jobs import work
from tests.core.jobs.conftest import QUICK
from tests.stores import migrate

Move = Callable[..., Result]
Rows = dict[str, list[Any]]


@pytest.fixture
def target(stores: Stores) -> Stores:
    """An empty PostgreSQL of the newest schema."""
    if stores.embedded:
        pytest.skip("rows are moved to PostgreSQL")
    return stores


@pytest.fixture
def old(tmp_path: Path) -> Settings:
    """An installation on SQLite with keys, and nobody in it."""
    settings = Settings(_env_file=None, data_dir=tmp_path / "old", database_url="", port=0)
    migrate(settings.stores)

    async def make() -> None:
        async with maintenance.opened(settings):
            pass

    asyncio.run(make())
    return settings


def mover(data_dir: Path, target: Stores) -> Move:
    """move(file) runs the command."""
    url = target.main.render_as_string(hide_password=False)
    runner = CliRunner(env={"BOTYARD_DATA_DIR": str(data_dir), "BOTYARD_DATABASE_URL": url})
    return lambda file="botyard.db": runner.invoke(
        cli.app, ["migrate", "--from-sqlite", str(data_dir / file)]
    )


@pytest.fixture
def move(old: Settings, target: Stores) -> Move:
    """move() moves the old installation."""
    return mover(old.data_dir, target)


def tables() -> Iterator[tuple[str, Table]]:
    for chain in migrations.CHAINS:
        yield from ((chain.name, table) for table in chain.metadata.sorted_tables)


def rows(stores: Stores) -> Rows:
    """All that the tables hold, in the order of their keys."""
    found: Rows = {}
    for store, table in tables():
        with migrations.connect(getattr(stores, store)) as connection:
            every = connection.execute(select(table)).all()
        found[table.name] = sorted(tuple(map(repr, row)) for row in every)
    return found


def in_files(data_dir: Path) -> Stores:
    return Stores.at("", data_dir)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A server that the test starts."""
    made = Yard(tmp_path)
    yield made
    made.stop()


@pytest.mark.slow
def test_everything_is_there_afterwards_and_goes_on(target: Stores, yard: Yard, tmp_path: Path) -> None:
    yard.start()
    bot = make_bot(yard, "Front desk")
    with yard.client() as http:
        http.post("/auth/login", json={"username": "admin", "password": ADMIN_PASSWORD})
        fill(bot, http)
    chatbot = make_chatbot(yard, "Harbour").rpartition("/")[2]
    yard.stop()
    data = tmp_path / "data"
    before = rows(in_files(data))

    result = mover(data, target)()

    assert result.exit_code == 0, result.output
    after = rows(target)
    jobs = {"jobs", *transfer.LEFT_BEHIND}
    assert [name for name in before if before[name] != after[name] and name not in jobs] == []
    assert (
        f"{sum(len(of) for name, of in before.items() if name not in transfer.LEFT_BEHIND)} rows are in PostgreSQL now"
        in result.output
    )
    assert len([name for name in before if before[name]]) > 30, "too little to tell"
    assert {path.name for path in data.glob("*.db*")} == {"botyard.db.moved", "botyard-stream.db.moved"}

    yard.settings["BOTYARD_DATABASE_URL"] = target.main.render_as_string(hide_password=False)
    yard.start()
    bot.http = yard.client(bot.token)
    bot.log("here again")
    with yard.client() as http:
        who = {"username": "admin", "password": ADMIN_PASSWORD}
        assert http.post("/auth/login", json=who).status_code == 200
        logs = http.get(f"/logs?bot_id={bot.id}&limit=100").json()["logs"]
    said = talk(yard, chatbot, "when are you open")
    assert [line["message"] for line in logs[:2]] == ["here again", "GET /orders answered 503"]
    assert said["message"]["intent"]["name"] == "hours"
    assert "error" not in (tmp_path / "log").read_text()


def talk(yard: Yard, chatbot: str, words: str) -> dict[str, Any]:
    """What a chatbot understands, by the document."""
    with yard.client() as http:
        root = yard.url + "/chatbots/api"
        who = {"username": "admin", "password": ADMIN_PASSWORD}
        token = http.post(f"{root}/auth/login", json=who).json()["data"]["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        begun = http.post(f"{root}/conversations", json={"chatbotId": chatbot}, headers=headers).json()
        place = f"{root}/conversations/{begun['data']['id']}/messages"
        return dict(http.post(place, json={"text": words}, headers=headers).json()["data"])


async def add_jobs(stores: Stores) -> None:
    """One that waits, one for later, one in the middle of its work, and one that is done."""
    db = Database(stores)
    engine = JobEngine(db, work=False, timing=QUICK)
    await engine.start()
    async with db.session() as session:
        waits = await work.add.enqueue(session, first=1)
        await work.add.enqueue(session, first=2, delay_s=3600)
        runs = await work.add.enqueue(session, first=3)
        done = await work.add.enqueue(session, first=4)
        for job_id, state in ((waits, JobState.queued), (runs, JobState.running), (done, JobState.done)):
            row = await session.get_one(JobRow, job_id)
            row.state, row.worker, row.token = state, "gone", "x"
        session.add(WorkerRow(id="gone", host="old", pid=1, started_at=clock.now(), last_seen=clock.now()))
    await engine.stop()
    await db.close()


async def test_jobs_that_have_not_ended_run_in_postgresql(old: Settings, target: Stores, move: Move) -> None:
    work.new_scene()
    await add_jobs(old.stores)
    assert (await asyncio.to_thread(move)).exit_code == 0

    db = Database(target)
    watch = work.Watch(db)
    engine = JobEngine(db, timing=QUICK)
    await engine.start()
    try:
        async with db.reader() as session:
            found = {row.args["first"]: row for row in await session.scalars(select(JobRow))}
        for first in (1, 3):
            info = await watch.ended(engine, found[first].id)
            assert (info.state, info.attempt, info.failures) == (JobState.done, 1, 0)
        later = await engine.get(found[2].id)
        assert later.state is JobState.queued
        assert later.due_at - clock.now() > timedelta(minutes=50)
        assert work.scene.calls["add"] == 2
    finally:
        await engine.stop(grace_s=0)
        await db.close()


def test_numbers_of_rows_that_are_gone_are_not_given_again(old: Settings, target: Stores, move: Move) -> None:
    with migrations.connect(old.stores.main) as connection:
        event = insert(EventRow).values(at=clock.now(), owner_id=1, name="x", payload="{}")
        for _ in range(7):
            connection.execute(event)
        connection.execute(delete(EventRow))

    assert move().exit_code == 0

    with migrations.connect(target.main) as connection:
        assert connection.execute(event.returning(EventRow.id)).scalar() == 8


def test_json_keeps_its_null_apart_from_none(old: Settings, target: Stores, move: Move) -> None:
    job = "INSERT INTO jobs (id, name, queue, owner_id, args, result, state, run, attempt, failures, crashes, note, error, created_at, due_at) VALUES ('{id}', 'n', 'q', 0, '{{\"a\": 5.0}}', {result}, 'done', 1, 0, 0, 0, '', '', '2026-01-01', '2026-01-01')"
    with migrations.connect(old.stores.main) as connection:
        for name, result in (("none", "NULL"), ("null", "'null'"), ("number", "'1e2'")):
            connection.execute(text(job.format(id=name, result=result)))

    assert move().exit_code == 0

    with migrations.connect(target.main) as connection:
        found = connection.execute(
            text("SELECT id, CAST(result AS text), CAST(args AS text) FROM jobs ORDER BY id")
        )
        assert [tuple(row) for row in found] == [
            ("none", None, '{"a": 5.0}'),
            ("null", "null", '{"a": 5.0}'),
            ("number", "1e2", '{"a": 5.0}'),
        ]


def fill_target(target: Stores) -> None:
    with migrations.connect(target.main) as connection:
        connection.execute(insert(EventRow).values(at=clock.now(), owner_id=1, name="x", payload="{}"))


def test_a_database_that_is_used_is_left_as_it_is(old: Settings, target: Stores, move: Move) -> None:
    fill_target(target)
    before = rows(target)

    result = move()

    assert isinstance(result.exception, transfer.TargetInUse)
    assert "has rows already, in events" in str(result.exception)
    assert rows(target) == before
    assert old.data_dir.joinpath("botyard.db").is_file()


def test_what_postgresql_refuses_moves_nothing(old: Settings, target: Stores, move: Move) -> None:
    with migrations.connect(old.stores.stream) as connection:
        put = "INSERT INTO tallies (bot_id, name, owner_id, value) VALUES (:bot, 'n', 1, 1)"
        connection.execute(text(put), {"bot": "a\0b"})

    result = move()

    assert result.exit_code != 0
    assert [name for name, found in rows(target).items() if found] == []
    assert {path.name for path in old.data_dir.glob("*.db")} == {"botyard.db", "botyard-stream.db"}


def test_a_server_that_runs_keeps_its_files(old: Settings, target: Stores, move: Move) -> None:
    from botyard import server

    with server.lock(old.data_dir):
        result = move()

    assert isinstance(result.exception, server.AlreadyRunning)


def test_a_file_that_is_not_there_is_not_made(old: Settings, target: Stores, move: Move) -> None:
    result = move("botyrad.db")

    assert isinstance(result.exception, transfer.NothingToMove)
    assert "There is no file" in str(result.exception)
    assert not old.data_dir.joinpath("botyrad.db").exists()


def test_files_of_an_older_version_are_brought_up_first(old: Settings, target: Stores, move: Move) -> None:
    with migrations.connect(old.stores.stream) as connection:
        connection.execute(text("UPDATE schema_version_stream SET version_num = '0001'"))

    result = move()

    assert isinstance(result.exception, maintenance.SchemaOld)
    assert f"BOTYARD_DATABASE_URL=sqlite:///{old.data_dir}/botyard.db" in str(result.exception)
    assert [name for name, found in rows(target).items() if found] == []


def test_keys_that_do_not_fit_move_nothing(old: Settings, target: Stores, move: Move) -> None:
    key = KeyFiles(old.data_dir).master
    key.write_bytes(bytes(reversed(key.read_bytes())))

    result = move()

    assert result.exit_code != 0
    assert [name for name, found in rows(target).items() if found] == []


def test_moving_into_files_is_refused(old: Settings) -> None:
    result = CliRunner(env={"BOTYARD_DATA_DIR": str(old.data_dir), "BOTYARD_DATABASE_URL": ""}).invoke(
        cli.app, ["migrate", "--from-sqlite", str(old.data_dir / "botyard.db")]
    )

    assert isinstance(result.exception, transfer.NothingToMove)
