"""Rows a second through the group-commit writer, beside one transaction for each row.

    python -m bench.ingest [--seconds 3] [--producers 64] [--rows 1] [--database-url postgresql://…]

Both sides wait for the disk before they answer. The difference is how many rows share one wait.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from botyard.core.ingest import Tx, Writer
from botyard.kit.db import Stores, sqlite_pragmas

_COLUMNS = "bot_id TEXT, owner_id BIGINT, at_us BIGINT, type TEXT, message TEXT, metadata TEXT"


@dataclass
class Figures:
    """What one side did."""

    rows: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    waits_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    def line(self, name: str) -> str:
        """The figures in words."""
        ordered = sorted(self.waits_ms)
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        cpu_us = self.cpu_s / self.rows * 1e6
        return f"{name:34} {self.rate:9,.0f} rows/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   {cpu_us:6.1f} us CPU/row"


def row(number: int) -> dict[str, Any]:
    """About 200 bytes, as a log line of a bot."""
    return {
        "bot_id": f"bot_{number % 100:026}",
        "owner_id": number % 10,
        "at_us": 1_790_000_000_000_000 + number,
        "type": "info",
        "message": "handled a message of a customer in 12.5 ms and went on to the next one " * 2,
        "metadata": "{}",
    }


def connect(stores: Stores) -> Any:
    """A connection of its own, as the other side has it."""
    if stores.embedded:
        connection = sqlite3.connect(str(stores.stream.database), isolation_level=None)
        sqlite_pragmas(connection)
        return connection
    return psycopg.connect(stores.stream.render_as_string(hide_password=False), autocommit=True)


def create(stores: Stores) -> None:
    """An empty table with an index, as `logs` has."""
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if stores.embedded else "BIGSERIAL PRIMARY KEY"
    with closing(connect(stores)) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_lines")
        connection.execute(f"CREATE TABLE bench_lines (id {serial}, {_COLUMNS})")
        connection.execute("CREATE INDEX bench_lines_bot ON bench_lines (bot_id, id)")


def one_by_one(stores: Stores, seconds: float) -> Figures:
    """One connection, one transaction for each row."""
    figures = Figures()
    names = list(row(0))
    values = ", ".join(f":{name}" if stores.embedded else f"%({name})s" for name in names)
    sql = f"INSERT INTO bench_lines ({', '.join(names)}) VALUES ({values})"
    with closing(connect(stores)) as connection:
        began, cpu = time.perf_counter(), time.process_time()
        while (now := time.perf_counter()) - began < seconds:
            connection.execute(sql, row(figures.rows))
            figures.waits_ms.append((time.perf_counter() - now) * 1000)
            figures.rows += 1
        figures.seconds, figures.cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return figures


async def grouped(stores: Stores, seconds: float, producers: int, rows: int) -> Figures:
    """Producers that each wait for their answer, through the writer."""
    figures = Figures()
    writer = Writer(stores, max_rows=100_000)
    await writer.start()
    began, cpu = time.perf_counter(), time.process_time()

    def storing(batch: list[dict[str, Any]]) -> Callable[[Tx], None]:
        return lambda tx: tx.append("bench_lines", batch)

    async def produce() -> None:
        while (now := time.perf_counter()) - began < seconds:
            await writer.run(storing([row(figures.rows + n) for n in range(rows)]), rows=rows)
            figures.waits_ms.append((time.perf_counter() - now) * 1000)
            figures.rows += rows

    await asyncio.gather(*[produce() for _ in range(producers)])
    figures.seconds, figures.cpu_s = time.perf_counter() - began, time.process_time() - cpu
    await writer.stop()
    return figures


def main() -> None:
    """Measure both sides and print their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each side")
    parser.add_argument("--producers", type=int, default=64)
    parser.add_argument("--rows", type=int, default=1, help="in each request")
    parser.add_argument("--database-url", default="", help="empty: SQLite in a temporary folder")
    given = parser.parse_args()
    # beside this file, since a temporary folder is often memory, which makes waiting for the disk free
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".ingest-") as folder:
        stores = Stores.at(given.database_url, Path(folder))
        create(stores)
        single = one_by_one(stores, given.seconds)
        create(stores)
        group = asyncio.run(grouped(stores, given.seconds, given.producers, given.rows))
        with closing(connect(stores)) as connection:
            stored = connection.execute("SELECT count(*) FROM bench_lines").fetchone()[0]
            connection.execute("DROP TABLE bench_lines")
    assert stored == group.rows, "an answered row is missing"
    print(f"{'SQLite' if stores.embedded else 'PostgreSQL'}, load {os.getloadavg()[0]:.1f}")
    print(single.line("one transaction for each row"))
    print(group.line(f"writer, {given.producers} producers x {given.rows} rows"))
    print(f"ratio {group.rate / single.rate:.1f}")


if __name__ == "__main__":
    main()
