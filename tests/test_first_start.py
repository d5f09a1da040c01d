"""The first start of an installation, by whichever process comes first."""

import os
from pathlib import Path

import pytest
from sqlalchemy import func, select

from botyard import maintenance, migrations
from botyard.app import Yard
from botyard.core.accounts.models import User
from botyard.kit.db import Stores
from botyard.kit.keys import KeyFiles, KeyRefused
from botyard.settings import Settings


def first(stores: Stores, folder: Path, **changes: object) -> Settings:
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    return Settings(_env_file=None, data_dir=folder, database_url=url, port=0, **changes)  # type: ignore[arg-type]  # values of any setting


async def accounts(yard: Yard) -> int:
    async with yard.db.reader() as session:
        return await session.scalar(select(func.count()).select_from(User)) or 0


async def test_a_worker_leaves_the_first_password_to_a_server_that_shows_it(
    stores: Stores, settings: Settings
) -> None:
    worker = Yard(first(stores, settings.data_dir), works=False, serves=False)
    await worker.start()
    assert (await accounts(worker), worker.first_password) == (0, None)
    await worker.stop()

    server = Yard(first(stores, settings.data_dir), works=False)
    await server.start()
    assert await accounts(server) == 1
    assert server.first_password
    await server.stop()


async def test_a_worker_may_make_the_administrator_whose_password_was_given(
    stores: Stores, settings: Settings
) -> None:
    worker = Yard(
        first(stores, settings.data_dir, admin_password="a given password"), works=False, serves=False
    )
    await worker.start()
    assert await accounts(worker) == 1
    await worker.stop()


async def test_the_data_folder_is_closed_to_others(stores: Stores, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "new"
    yard = Yard(first(stores, folder), works=False)
    await yard.start()
    await yard.stop()
    assert folder.stat().st_mode & 0o077 == 0


async def test_a_first_start_that_was_refused_starts_once_its_settings_are_right(
    stores: Stores, settings: Settings
) -> None:
    folder = settings.data_dir
    for wrong in ({"secret_key": "too short"}, {"master_key": "bm90IGxvbmcgZW5vdWdo"}):
        yard = Yard(first(stores, folder, **wrong), works=False)
        with pytest.raises(KeyRefused):
            await yard.start()

    yard = Yard(first(stores, folder), works=False)
    await yard.start()
    assert yard.first_password
    await yard.stop()


async def test_a_command_that_was_refused_for_a_short_key_leaves_a_folder_that_starts(
    stores: Stores, settings: Settings
) -> None:
    with pytest.raises(KeyRefused):
        async with maintenance.opened(first(stores, settings.data_dir, secret_key="too short")):
            pass

    yard = Yard(first(stores, settings.data_dir), works=False)
    await yard.start()
    await yard.stop()


async def test_a_first_start_cut_short_between_its_keys_goes_on(stores: Stores, settings: Settings) -> None:
    files = KeyFiles(settings.data_dir)
    for made in (files.signing_key, lambda: files.master_keys(has_data=False)):
        made()
    key = files.signing_key()

    yard = Yard(first(stores, settings.data_dir), works=False)
    await yard.start()
    await yard.stop()
    assert files.signing_key(has_data=True) == key


async def test_databases_are_closed_to_others_in_a_folder_that_is_open(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    before = os.umask(0o022)
    try:
        yard = Yard(first(Stores.at("", folder), folder), works=False)
        await yard.start()
        files = [path for path in folder.iterdir() if path.name.startswith("botyard")]
        assert {path.name for path in files} >= {"botyard.db", "botyard.db-wal", "botyard-stream.db"}
        assert [path.name for path in files if ".db" in path.name and path.stat().st_mode & 0o077] == []
        await yard.stop()
    finally:
        os.umask(before)


async def test_a_start_says_what_others_can_read(
    stores: Stores, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    settings.data_dir.chmod(0o755)
    yard = Yard(first(stores, settings.data_dir), works=False)
    await yard.start()
    await yard.stop()
    assert "chmod 700" in capsys.readouterr().out


async def test_an_empty_postgresql_beside_databases_in_files_is_told_once(
    stores: Stores, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    migrations.upgrade(Stores.at("", settings.data_dir))
    told = []
    for _ in range(2):
        yard = Yard(first(stores, settings.data_dir), works=False)
        await yard.start()
        await yard.stop()
        told.append("Nothing is taken over" in capsys.readouterr().out)
    assert told == [not stores.embedded, False]
