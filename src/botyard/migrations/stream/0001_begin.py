"""Begin."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "commands",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("available_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("lease_id", sa.String(length=40), nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("completed_us", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("dedup_key", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_commands_bot_id_created_us"), ["bot_id", "created_us"], unique=False
        )
        batch_op.create_index(
            "ix_commands_expiring",
            ["expires_us"],
            unique=False,
            sqlite_where=sa.text("state = 'queued' AND expires_us IS NOT NULL"),
            postgresql_where=sa.text("state = 'queued' AND expires_us IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_commands_open",
            ["bot_id", sa.text("priority DESC"), "created_us", "id"],
            unique=False,
            sqlite_where=sa.text("completed_us IS NULL"),
            postgresql_where=sa.text("completed_us IS NULL"),
        )
        batch_op.create_index(
            "ix_commands_leased",
            ["lease_until_us"],
            unique=False,
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.create_index(
            batch_op.f("ix_commands_owner_id_created_us"), ["owner_id", "created_us"], unique=False
        )
        batch_op.create_index(
            "uq_commands_bot_id_dedup_key",
            ["bot_id", "dedup_key"],
            unique=True,
            sqlite_where=sa.text("dedup_key IS NOT NULL"),
            postgresql_where=sa.text("dedup_key IS NOT NULL"),
        )

    op.create_table(
        "ingest_keys",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_ingest_keys")),
    )
    with op.batch_alter_table("ingest_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ingest_keys_at_us"), ["at_us"], unique=False)

    op.create_table(
        "logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logs")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("logs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logs_at_us"), ["at_us"], unique=False)
        batch_op.create_index(batch_op.f("ix_logs_bot_id_id"), ["bot_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_logs_owner_id_id"), ["owner_id", "id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("thread_type", sa.String(length=20), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_at_us"), ["at_us"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_bot_id_id"), ["bot_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_owner_id_id"), ["owner_id", "id"], unique=False)

    op.create_table(
        "presence",
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_presence")),
    )
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_presence_online_seen_us"), ["online", "seen_us"], unique=False)

    op.create_table(
        "stream_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_events")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("stream_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stream_events_at_us"), ["at_us"], unique=False)

    op.create_table(
        "synced_data",
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_synced_data")),
    )
    op.create_table(
        "tallies",
        sa.Column("bot_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "name", name=op.f("pk_tallies")),
    )
    with op.batch_alter_table("tallies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tallies_owner_id"), ["owner_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("tallies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tallies_owner_id"))

    op.drop_table("tallies")
    op.drop_table("synced_data")
    with op.batch_alter_table("stream_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stream_events_at_us"))

    op.drop_table("stream_events")
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_presence_online_seen_us"))

    op.drop_table("presence")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_messages_owner_id_id"))
        batch_op.drop_index(batch_op.f("ix_messages_bot_id_id"))
        batch_op.drop_index(batch_op.f("ix_messages_at_us"))

    op.drop_table("messages")
    with op.batch_alter_table("logs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_logs_owner_id_id"))
        batch_op.drop_index(batch_op.f("ix_logs_bot_id_id"))
        batch_op.drop_index(batch_op.f("ix_logs_at_us"))

    op.drop_table("logs")
    with op.batch_alter_table("ingest_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ingest_keys_at_us"))

    op.drop_table("ingest_keys")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_commands_bot_id_dedup_key",
            sqlite_where=sa.text("dedup_key IS NOT NULL"),
            postgresql_where=sa.text("dedup_key IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_commands_owner_id_created_us"))
        batch_op.drop_index(
            "ix_commands_leased",
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.drop_index(
            "ix_commands_expiring",
            sqlite_where=sa.text("state = 'queued' AND expires_us IS NOT NULL"),
            postgresql_where=sa.text("state = 'queued' AND expires_us IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_commands_bot_id_created_us"))

    op.drop_table("commands")
