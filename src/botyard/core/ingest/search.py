"""Finding rows of the stream store, newest first; one way for every table of lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.sqlite import named

_QUICK_ROWS = 200
_NO_COLUMNS: Sequence[str] = ("message",)


async def newest(
    reader: StreamReader,
    table: str,
    *,
    equal: Mapping[str, object],
    indexed: bool,
    limit: int,
    text: str | None = None,
    text_in: Sequence[str] = _NO_COLUMNS,
    before_id: int | None = None,
    after_id: int | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> list[Row]:
    """Rows whose columns have the values of `equal` (None: any), and whose `text_in` contain the text.

    Upper and lower case are the same to the text. `indexed` says that an index with `id` leads to the rows of
    `equal`; whatever else may read much of the table is asked in a thread.
    """
    wheres: list[str] = []
    params: dict[str, Any] = {"limit": limit}
    for column, value in equal.items():
        if value is not None:
            wheres.append(f"{named(column)} = :{column}")
            params[column] = value
    bounds = (
        ("id < :before_id", "before_id", before_id),
        ("id > :after_id", "after_id", after_id),
        ("at_us >= :since_us", "since_us", since_us),
        ("at_us < :until_us", "until_us", until_us),
    )
    for where, name, value in bounds:
        if value is not None:
            wheres.append(where)
            params[name] = value
    if text:
        found = " OR ".join(f"lower({named(column)}) LIKE :pattern ESCAPE '!'" for column in text_in)
        wheres.append(f"({found})")
        params["pattern"] = _pattern(text)
    condition = f"WHERE {' AND '.join(wheres)} " if wheres else ""
    sql = f"SELECT * FROM {named(table)} {condition}ORDER BY id DESC LIMIT :limit"  # noqa: S608 - names are checked
    quick = indexed and not text and since_us is None and until_us is None and limit <= _QUICK_ROWS
    return await (reader.query if quick else reader.scan)(sql, params)


async def distinct(reader: StreamReader, table: str, column: str, *, limit: int) -> list[str]:
    """The values of a column in order, at most so many; one look into its index for each."""
    table, column = named(table), named(column)
    sql = f"""WITH RECURSIVE found (value) AS (
        SELECT MIN({column}) FROM {table}
        UNION ALL
        SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value) FROM found
        WHERE found.value IS NOT NULL
    ) SELECT value FROM found WHERE value IS NOT NULL LIMIT :limit"""  # noqa: S608 - names are checked
    return [row["value"] for row in await reader.query(sql, {"limit": limit})]


def _pattern(text: str) -> str:
    escaped = text.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"
