"""Conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "conversation_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("intent", sa.String(length=200), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("version_id", sa.String(length=40), nullable=True),
        sa.Column("latency_us", sa.BigInteger(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("review", sa.String(length=10), nullable=True),
        sa.Column("client_key", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_events")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_conversation_events_at_us"), "conversation_events", ["at_us"], unique=False)
    op.create_index(
        op.f("ix_conversation_events_chatbot_id_id"),
        "conversation_events",
        ["chatbot_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_conversation_events_conversation_id_seq"),
        "conversation_events",
        ["conversation_id", "seq"],
        unique=True,
    )
    op.create_index(
        "ix_conversation_events_inbox",
        "conversation_events",
        ["chatbot_id", "id"],
        unique=False,
        sqlite_where=sa.text("review = 'open'"),
        postgresql_where=sa.text("review = 'open'"),
    )
    op.create_index(
        "uq_conversation_events_client_key",
        "conversation_events",
        ["conversation_id", "client_key"],
        unique=True,
        sqlite_where=sa.text("client_key IS NOT NULL"),
        postgresql_where=sa.text("client_key IS NOT NULL"),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=40), nullable=False),
        sa.Column("version_id", sa.String(length=40), nullable=True),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("waiting_us", sa.BigInteger(), nullable=True),
        sa.Column("pending_us", sa.BigInteger(), nullable=True),
        sa.Column("attended_by", sa.BigInteger(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
    )
    op.create_index(
        op.f("ix_conversations_chatbot_id_id"), "conversations", ["chatbot_id", "id"], unique=False
    )
    op.create_index(op.f("ix_conversations_owner_id_id"), "conversations", ["owner_id", "id"], unique=False)
    op.create_index(
        op.f("ix_conversations_owner_id_status_id"),
        "conversations",
        ["owner_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_pending",
        "conversations",
        ["pending_us"],
        unique=False,
        sqlite_where=sa.text("pending_us IS NOT NULL"),
        postgresql_where=sa.text("pending_us IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_waiting",
        "conversations",
        ["owner_id", "waiting_us"],
        unique=False,
        sqlite_where=sa.text("waiting_us IS NOT NULL"),
        postgresql_where=sa.text("waiting_us IS NOT NULL"),
    )
    op.create_index(
        "uq_conversations_external",
        "conversations",
        ["chatbot_id", "channel", "external_id"],
        unique=True,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "conversation_counts",
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=220), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "chatbot_id", "day", "version_id", "name", name=op.f("pk_conversation_counts")
        ),
    )
    op.create_index(
        op.f("ix_conversation_counts_owner_id_day_name"),
        "conversation_counts",
        ["owner_id", "day", "name"],
        unique=False,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_conversation_counts_owner_id_day_name"), table_name="conversation_counts")
    op.drop_table("conversation_counts")
    op.drop_index(
        "uq_conversations_external",
        table_name="conversations",
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_conversations_pending",
        table_name="conversations",
        sqlite_where=sa.text("pending_us IS NOT NULL"),
        postgresql_where=sa.text("pending_us IS NOT NULL"),
    )
    op.drop_index(
        "ix_conversations_waiting",
        table_name="conversations",
        sqlite_where=sa.text("waiting_us IS NOT NULL"),
        postgresql_where=sa.text("waiting_us IS NOT NULL"),
    )
    op.drop_index(op.f("ix_conversations_owner_id_status_id"), table_name="conversations")
    op.drop_index(op.f("ix_conversations_owner_id_id"), table_name="conversations")
    op.drop_index(op.f("ix_conversations_chatbot_id_id"), table_name="conversations")
    op.drop_table("conversations")
    op.drop_index(
        "uq_conversation_events_client_key",
        table_name="conversation_events",
        sqlite_where=sa.text("client_key IS NOT NULL"),
        postgresql_where=sa.text("client_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_conversation_events_inbox",
        table_name="conversation_events",
        sqlite_where=sa.text("review = 'open'"),
        postgresql_where=sa.text("review = 'open'"),
    )
    op.drop_index(op.f("ix_conversation_events_conversation_id_seq"), table_name="conversation_events")
    op.drop_index(op.f("ix_conversation_events_chatbot_id_id"), table_name="conversation_events")
    op.drop_index(op.f("ix_conversation_events_at_us"), table_name="conversation_events")
    op.drop_table("conversation_events")
