"""Commands on an installation: only where there is one, and those that look change nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from botyard import cli, maintenance, migrations
from botyard.core.audit import anchors
from botyard.core.vault.errors import RotationNotPrepared
from botyard.kit.db import Stores
from botyard.kit.keys import KeyFiles
from botyard.maintenance import NoInstallation, SchemaOld
from botyard.settings import Settings

Run = Callable[..., Result]
READING = (["audit", "verify"], ["config", "list"], ["config", "get", "a", "b"], ["config", "history"])
CHANGING = (
    ["vault", "rotate"],
    ["config", "set", "a", "b", "1"],
    ["config", "undo", "1"],
    ["admin", "create", "eve", "eve@example.org", "--password", "long enough for anyone"],
    ["admin", "reset-password", "admin", "--password", "long enough for anyone"],
)


@pytest.fixture
def botyard(settings: Settings) -> Run:
    """botyard("audit", "verify") runs the command on this test's stores."""
    given = {"BOTYARD_DATA_DIR": str(settings.data_dir), "BOTYARD_DATABASE_URL": settings.database_url}
    runner = CliRunner(env=given)
    return lambda *words: runner.invoke(cli.app, list(words))


@pytest.fixture
def started(settings: Settings) -> Settings:
    """An installation with keys."""

    async def make() -> None:
        async with maintenance.opened(settings):
            pass

    asyncio.run(make())
    return settings


def set_back(stores: Stores, revision: str) -> None:
    with migrations.connect(stores.main) as connection:
        connection.execute(text("UPDATE schema_version_main SET version_num = :to"), {"to": revision})


@pytest.mark.parametrize("words", [*READING, *CHANGING], ids=" ".join)
def test_where_there_is_no_installation_none_is_made(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "wrong folder"
    result = CliRunner(env={"BOTYARD_DATA_DIR": str(folder), "BOTYARD_DATABASE_URL": ""}).invoke(
        cli.app, words
    )
    assert isinstance(result.exception, NoInstallation)  # `main` prints it and ends with code 2
    assert str(folder) in str(result.exception)
    assert "BOTYARD_DATA_DIR" in str(result.exception)
    assert not folder.exists()


@pytest.mark.parametrize("words", [*READING, *CHANGING], ids=" ".join)
def test_an_older_schema_is_left_as_it_is(
    words: list[str], started: Settings, stores: Stores, botyard: Run
) -> None:
    set_back(stores, "0001")
    result = botyard(*words)
    assert isinstance(result.exception, SchemaOld)
    assert "run botyard migrate first" in str(result.exception)
    assert migrations.found(stores)["main"] == "0001"


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_looking_at_a_database_that_nobody_used_makes_no_keys(
    words: list[str], settings: Settings, botyard: Run
) -> None:
    assert isinstance(botyard(*words).exception, NoInstallation)
    assert not KeyFiles(settings.data_dir).folder.exists()


def test_the_check_of_the_log_says_with_how_many_outside_heads_it_was_compared(
    started: Settings, botyard: Run
) -> None:
    botyard("config", "set", "mailer", "retries", "3")
    assert "Compared with no head" in botyard("audit", "verify").output

    async def anchor() -> None:
        async with maintenance.opened(started) as db, db.reader() as session:
            await anchors.anchor(session, started.data_dir / anchors.FILE)

    asyncio.run(anchor())
    checked = botyard("audit", "verify")
    assert "Compared with 1 head " in checked.output
    assert checked.exit_code == 0


def test_on_postgresql_rotating_one_file_has_to_be_asked_for(
    started: Settings, stores: Stores, botyard: Run
) -> None:
    before = KeyFiles(started.data_dir).master.read_text()
    plain = botyard("vault", "rotate")
    if stores.embedded:
        assert plain.exit_code == 0
        return
    assert isinstance(plain.exception, RotationNotPrepared)
    assert KeyFiles(started.data_dir).master.read_text() == before
    assert botyard("vault", "rotate", "--this-machine-only").exit_code == 0
    assert KeyFiles(started.data_dir).master.read_text() != before


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_there_is_not_is_refused_in_one_line(port: str, botyard: Run) -> None:
    result = botyard("serve", "--port", port)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
