"""One spelling of SQL for both stores: `:named` parameters, translated once per statement."""

import re
from dataclasses import dataclass
from functools import lru_cache

# Text, quoted names, comments and casts are passed over, so that only true parameters are translated.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|::|:([A-Za-z_]\w*)|%")


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement as the driver wants it, and whether it can only read."""

    text: str
    reads: bool


def _for_psycopg(match: re.Match[str]) -> str:
    name = match.group(1)
    return f"%({name})s" if name else match.group().replace("%", "%%")


@lru_cache(maxsize=1024)
def prepare(sql: str, *, postgres: bool) -> Statement:
    """Translate for SQLite (as it is) or psycopg (`%(name)s`, with `%` doubled)."""
    reads = sql.lstrip()[:6].upper() == "SELECT"
    return Statement(_TOKEN.sub(_for_psycopg, sql) if postgres else sql, reads)
