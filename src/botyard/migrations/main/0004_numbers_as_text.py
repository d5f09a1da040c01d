"""JSON that may be a bare number becomes text on SQLite, where a column typed JSON changes such numbers."""

import json
from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Table, column, and whether it may be empty.
_COLUMNS = (
    ("config_settings", "value", True),
    ("config_changes", "before", True),
    ("config_changes", "after", True),
    ("jobs", "result", True),
    ("job_steps", "result", False),
)


def upgrade() -> None:
    """Apply."""
    _become("TEXT")


def downgrade() -> None:
    """Undo."""
    _become("JSON")


def _become(kind: str) -> None:
    """Give the columns another type on SQLite; PostgreSQL keeps JSON as it was written.

    In place, because a table that is made anew would take the rows that refer to it along, and give numbers again.
    """
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        return
    # SQLite itself would write only 15 digits.
    connection: Any = bind.connection.driver_connection
    connection.create_function("json_number", 1, json.dumps, deterministic=True)
    for table, column, empty in _COLUMNS:
        rest = "" if empty else " NOT NULL DEFAULT 'null'"
        was = f'"{column}"'  # two of them are words of SQL
        op.execute(f"ALTER TABLE {table} ADD COLUMN moved {kind}{rest}")
        number = f"CASE typeof({was}) WHEN 'real' THEN json_number({was}) ELSE {was} END"
        op.execute(f"UPDATE {table} SET moved = {number}")  # noqa: S608
        op.execute(f"ALTER TABLE {table} DROP COLUMN {was}")
        op.execute(f"ALTER TABLE {table} RENAME COLUMN moved TO {was}")
