"""The revisions make exactly the tables that the code has."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, URL, column, insert, select, table, text

from botyard import migrations
from botyard.core.config.models import ConfigChange, ConfigSetting
from botyard.core.jobs.models import JobRow, StepRow
from botyard.kit import clock
from botyard.kit.db import Stores
from botyard.migrations import CHAINS, HEADS, Chain, tables

assert tables.ALL


def _each(stores: Stores) -> list[tuple[Chain, URL]]:
    return list(zip(CHAINS, (stores.main, stores.stream), strict=True))


# Alembic cannot compare an index on an expression; those are looked at by name.
EXPRESSIONS = {"ix_commands_open"}
ON_POSTGRES = {"ix_chatbot_chunks_terms"}  # SQLite has a table of its own for full text


def test_migrated_stores_have_the_tables_of_the_code(stores: Stores) -> None:
    for chain, url in _each(stores):
        with migrations.connect(url) as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "include_object": _of(chain)}
            )
            assert compare_metadata(context, chain.metadata) == []


def _of(chain: Chain) -> Callable[..., bool]:
    def included(thing: Any, name: str, kind: str, _reflected: bool, _other: Any) -> bool:
        if kind == "table":
            return name in chain.metadata.tables  # beside ours: the other chain's, and the job engine's
        return name not in EXPRESSIONS | ON_POSTGRES

    return included


def test_indexes_on_expressions_are_there(stores: Stores) -> None:
    with migrations.connect(stores.stream) as connection:
        if stores.embedded:
            names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'index'"))
        else:
            names = connection.scalars(text("SELECT indexname FROM pg_indexes"))
        assert set(names) >= EXPRESSIONS | (set() if stores.embedded else ON_POSTGRES)


def test_the_noted_heads_are_those_of_the_scripts(tmp_path: Path) -> None:
    stores = Stores.at("", tmp_path)
    for chain, url in _each(stores):
        with migrations.connect(url) as connection:
            script = ScriptDirectory.from_config(migrations.configuration(chain, connection))
        assert script.get_current_head() == HEADS[chain.name]


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    stores = Stores.at("", tmp_path)

    assert migrations.upgrade(stores) == ["main", "stream"]
    assert migrations.upgrade(stores) == []


def test_processes_that_migrate_at_once_do_not_get_in_each_others_way(stores: Stores) -> None:
    with migrations.connect(stores.main) as connection:
        connection.execute(text("SELECT 1"))

    with ThreadPoolExecutor(4) as pool:
        assert [pool.submit(migrations.upgrade, stores).result(30) for _ in range(4)] == [[], [], [], []]


# As a column typed JSON gave them back on SQLite, too; numbers are where it could lose something.
VALUES = [2, 2**63 - 1, 0.1 + 0.2, 9.223372036854776e18, 1e300, "2.0", True, {"a": [1.0]}, None]


def _to(revision: str, stores: Stores) -> None:
    with migrations.connect(stores.main) as connection:
        move = command.downgrade if revision < HEADS["main"] else command.upgrade
        move(migrations.configuration(CHAINS[0], connection), revision)


def _fill(stores: Stores) -> None:
    """Store each value in each column that may hold any."""
    now = clock.now().replace(tzinfo=None)
    change = {
        "service": "s",
        "secret": False,
        "effective": "at once",
        "by_user": 1,
        "by_ref": "",
        "address": "",
    }
    job = {"queue": "q", "owner_id": 1, "args": {}, "state": "done", "run": 1, "attempt": 0, "failures": 0}
    job |= {"crashes": 0, "note": "", "error": "", "created_at": now, "due_at": now}
    with migrations.connect(stores.main) as connection:
        for number, value in enumerate(VALUES):
            name = f"n{number}"
            for where, row in (
                (
                    "config_settings",
                    {
                        "service": "s",
                        "key": name,
                        "value": value,
                        "secret": False,
                        "updated_at": now,
                        "updated_by": 1,
                    },
                ),
                ("config_changes", change | {"key": name, "before": value, "after": value, "at": now}),
                ("jobs", job | {"id": name, "name": name, "result": value}),
                ("job_steps", {"job_id": name, "name": name, "result": value, "finished_at": now}),
            ):
                kinds = {"value": JSON, "before": JSON, "after": JSON, "result": JSON, "args": JSON}
                columns = [column(each, kinds.get(each)) for each in row]
                connection.execute(insert(table(where, *columns)).values(row))


def _kept(stores: Stores) -> list[list[str]]:
    """What is in those columns, in the order of `VALUES`, as JSON."""
    columns = ConfigSetting.value, ConfigChange.before, ConfigChange.after, JobRow.result, StepRow.result
    orders = ConfigSetting.key, ConfigChange.key, ConfigChange.key, JobRow.id, StepRow.name
    with migrations.connect(stores.main) as connection:
        return [
            [json.dumps(value) for value in connection.scalars(select(one).order_by(by))]
            for one, by in zip(columns, orders, strict=True)
        ]


def test_values_that_may_be_bare_numbers_are_kept_when_their_columns_become_text(stores: Stores) -> None:
    _to("0003", stores)
    _fill(stores)

    _to("0004", stores)

    assert _kept(stores) == [[json.dumps(value) for value in VALUES]] * 5
    _to("0003", stores)
    assert _kept(stores) == [[json.dumps(value) for value in VALUES]] * 5


def test_numbers_of_changes_are_not_given_again_after_their_columns_became_text(stores: Stores) -> None:
    _to("0003", stores)
    _fill(stores)
    with migrations.connect(stores.main) as connection:
        connection.execute(text("DELETE FROM config_changes"))

    _to("0004", stores)

    with migrations.connect(stores.main) as connection:
        connection.execute(
            text(
                "INSERT INTO config_changes (service, key, secret, effective, at, by_user, by_ref, address) "
                "VALUES ('s', 'k', false, 'at once', '2026-06-01', 1, '', '')"
            )
        )
        assert connection.scalar(text("SELECT id FROM config_changes")) == len(VALUES) + 1


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    stores = Stores.at("", tmp_path)
    migrations.upgrade(stores)
    _to("0003", stores)
    _fill(stores)
    before = _kept(stores)
    with migrations.connect(stores.main) as connection:
        connection.execute(text("ALTER TABLE job_steps RENAME COLUMN result TO elsewhere"))

    with pytest.raises(migrations.DatabaseUnusable, match="result"):
        migrations.upgrade(stores)

    with migrations.connect(stores.main) as connection:
        assert migrations.current(connection, CHAINS[0]) == "0003"
        connection.execute(text("ALTER TABLE job_steps RENAME COLUMN elsewhere TO result"))
    migrations.upgrade(stores)
    assert _kept(stores) == before
