"""What the doctor finds, on folders and databases in every condition."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from botyard import doctor, maintenance, migrations, server
from botyard.kit import keypairs
from botyard.migrations import HEADS
from botyard.settings import Settings


def _settings(folder: Path, **changes: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder, port=0, **changes)  # type: ignore[arg-type]  # values of any setting


async def _verdicts(settings: Settings, word: str) -> list[str]:
    findings = await doctor.examine(settings)
    return [finding.verdict for finding in findings if word in f"{finding.what} {finding.remedy}".lower()]


@pytest.fixture
async def yard(tmp_path: Path) -> Settings:
    """A yard that was started before and is stopped."""
    settings = _settings(tmp_path / "data", admin_password="a password of some length")
    settings.data_dir.mkdir(mode=0o700)
    migrations.upgrade(settings.stores)
    async with maintenance.opened(settings):
        pass
    return settings


async def test_before_the_first_start_nothing_is_wrong(tmp_path: Path) -> None:
    findings = await doctor.examine(_settings(tmp_path / "data"))

    assert "wrong" not in {finding.verdict for finding in findings}
    assert not (tmp_path / "data").exists()


async def test_a_healthy_yard_is_found_healthy(yard: Settings) -> None:
    assert "wrong" not in {finding.verdict for finding in await doctor.examine(yard)}
    assert await _verdicts(yard, "opens the vault") == ["ok"]


async def test_a_folder_that_others_can_read_is_named(yard: Settings) -> None:
    yard.data_dir.chmod(0o755)

    assert await _verdicts(yard, "chmod 700") == ["wrong"]


async def test_a_missing_master_key_is_named(yard: Settings) -> None:
    (yard.data_dir / "keys" / "master.key").unlink()

    assert "wrong" in await _verdicts(yard, "master key")


async def test_a_token_key_that_others_can_read_is_named(yard: Settings) -> None:
    path = yard.data_dir / "keys" / "token.pem"
    keypairs.make(path)
    asked = yard.model_copy(update={"token_key_file": [path]})
    assert await _verdicts(asked, "chmod 600") == []

    path.chmod(0o644)

    assert await _verdicts(asked, "chmod 600") == ["wrong"]


async def test_it_says_where_vectors_are_compared_unless_that_is_plain(settings: Settings) -> None:
    settings.data_dir.mkdir(mode=0o700, exist_ok=True)

    assert len(await _verdicts(settings, "vectors of documents")) == (0 if settings.stores.embedded else 1)


async def test_a_damaged_database_is_named(yard: Settings) -> None:
    path = Path(str(yard.stores.main.database))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)

    assert "wrong" in {finding.verdict for finding in await doctor.examine(yard)}


async def test_an_older_schema_is_noted_with_what_to_do(yard: Settings) -> None:
    with sqlite3.connect(str(yard.stores.main.database)) as connection:
        connection.execute("UPDATE schema_version_main SET version_num = '0000'")

    assert await _verdicts(yard, "botyard migrate") == ["note"]
    assert await _verdicts(yard, "keys are not checked") == ["note"]


async def test_looking_changes_nothing(yard: Settings) -> None:
    def contents() -> dict[str, bytes]:
        for url in (yard.stores.main, yard.stores.stream):
            with closing(sqlite3.connect(str(url.database))) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        files = (path for path in yard.data_dir.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files if path.suffix not in (".db-wal", ".db-shm")}

    for version in ("0001", HEADS["main"]):
        with closing(sqlite3.connect(str(yard.stores.main.database))) as connection, connection:
            connection.execute("UPDATE schema_version_main SET version_num = ?", (version,))
        before = contents()
        await doctor.examine(yard)
        assert contents() == before


async def test_a_first_start_that_was_cut_short_is_no_fault_and_is_left_to_the_server(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "data")
    settings.data_dir.mkdir(mode=0o700)
    migrations.upgrade(settings.stores)

    assert "wrong" not in {finding.verdict for finding in await doctor.examine(settings)}
    assert not (settings.data_dir / "keys").exists()


async def test_a_missing_file_of_the_second_store_is_named_and_not_made_anew(yard: Settings) -> None:
    stream = Path(str(yard.stores.stream.database))
    stream.unlink()

    assert await _verdicts(yard, f"{stream} is missing".lower()) == ["wrong"]
    assert not stream.exists()


async def test_a_machine_without_a_folder_for_temporary_files_is_named(
    yard: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _verdicts(yard, "temporary files") == ["ok"]

    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")

    assert await _verdicts(yard, "privatetmp=true") == ["wrong"]


async def test_a_running_server_is_noticed(yard: Settings) -> None:
    with server.lock(yard.data_dir):
        assert await _verdicts(yard, "a server is running") == ["note"]


async def test_a_taken_port_is_named(yard: Settings) -> None:
    with server.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        assert await _verdicts(yard.model_copy(update={"port": port}), f"port {port}") == ["wrong"]


async def test_a_redis_that_is_away_is_named(yard: Settings) -> None:
    with server.bind("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
    away = yard.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})

    assert await _verdicts(away, "redis does not answer") == ["wrong"]


async def test_a_misspelt_variable_is_named_with_what_was_meant(
    yard: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTYARD_PROT", "8000")

    assert await _verdicts(yard, "did you mean botyard_port?") == ["note"]


async def test_a_database_that_does_not_answer_is_the_only_thing_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    away = _settings(tmp_path / "data", database_url="postgresql://nobody@127.0.0.1:1/none")

    findings = await doctor.examine(away)

    wrong = [finding.what for finding in findings if finding.verdict == "wrong"]
    assert len(wrong) == 1
    assert "connection" in wrong[0]
    assert "sqlalche.me" not in wrong[0]
