"""A trial and a conversation of the same outside id are two, and a key says what was made under it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEX = "uq_conversations_external"


def upgrade() -> None:
    """Apply."""
    op.add_column("ingest_keys", sa.Column("made", sa.String(length=40), nullable=True))
    _index("chatbot_id", "channel", "external_id", "environment")


def downgrade() -> None:
    """Undo. Of several conversations of one outside id the newest keeps it."""
    op.execute(
        "UPDATE conversations SET external_id = NULL WHERE external_id IS NOT NULL AND EXISTS (SELECT 1"
        " FROM conversations AS newer WHERE newer.chatbot_id = conversations.chatbot_id"
        " AND newer.channel = conversations.channel AND newer.external_id = conversations.external_id"
        " AND newer.id > conversations.id)"
    )
    _index("chatbot_id", "channel", "external_id")
    op.drop_column("ingest_keys", "made")


def _index(*columns: str) -> None:
    some = sa.text("external_id IS NOT NULL")
    op.drop_index(_INDEX, table_name="conversations", sqlite_where=some, postgresql_where=some)
    op.create_index(
        _INDEX, "conversations", list(columns), unique=True, sqlite_where=some, postgresql_where=some
    )
