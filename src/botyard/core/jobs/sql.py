"""What SQLite and PostgreSQL say differently: the database's own clock, and an insert that may find a row."""

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from botyard.kit.db import Base, Session


class db_now_us(FunctionElement[int]):
    """Microseconds since 1970 when the statement runs, by the one clock that all machines share."""

    type = BigInteger()
    inherit_cache = True


@compiles(db_now_us, "postgresql")
def _postgresql(_element: db_now_us, _compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(db_now_us, "sqlite")
def _sqlite(_element: db_now_us, _compiler: Any, **_: Any) -> str:
    # Julian days, because SQLite before 3.42 has no epoch with fractions; exact to a millisecond.
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


def seconds(value: float) -> int:
    """Seconds in the unit of the database's clock."""
    return int(value * 1_000_000)


async def insert_once(session: Session, model: type[Base], *, unique: str, **values: Any) -> bool:
    """Insert a row unless one with the same `unique` column exists, also in a transaction not yet over.

    Returns whether it was inserted; defaults of the model are filled in.
    """
    dialect = session.get_bind().dialect.name
    new = (postgresql if dialect == "postgresql" else sqlite).insert(model).values(**values)
    found = await session.execute(
        new.on_conflict_do_nothing(index_elements=[unique]).returning(model.__table__.c[unique])
    )
    return found.first() is not None
