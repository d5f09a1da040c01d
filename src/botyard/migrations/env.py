"""Alembic's entry: runs the revisions of one chain on the connection that it is given."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from botyard.kit.db import AnyJson, EpochUs, Json, UtcDateTime
from botyard.migrations import Chain


def _plain(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as the plain ones they are stored as, so that old revisions need none of our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, EpochUs):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, AnyJson):
        return 'sa.JSON().with_variant(sa.Text(), "sqlite")'
    if kind == "type" and isinstance(item, Json):
        return "sa.JSON()"
    return False


def _run(connection: sa.Connection, chain: Chain) -> None:
    context.configure(
        connection=connection,
        target_metadata=chain.metadata,
        version_table=chain.version_table,
        render_as_batch=True,
        render_item=_plain,
        compare_type=True,
    )
    context.run_migrations()


_run(context.config.attributes["connection"], context.config.attributes["chain"])
