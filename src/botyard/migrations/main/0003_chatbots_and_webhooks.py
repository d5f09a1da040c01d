"""Chatbots and webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Full text of what chatbots answer from. The terms are separated by blanks and final: neither store changes them.
_WRITTEN = (
    "INSERT INTO chatbot_chunks_fts(rowid, chatbot_id, terms) VALUES (new.id, new.chatbot_id, new.terms);"
)
_TAKEN = (
    "INSERT INTO chatbot_chunks_fts(chatbot_chunks_fts, rowid, chatbot_id, terms) "
    "VALUES ('delete', old.id, old.chatbot_id, old.terms);"
)
FULL_TEXT = {
    "sqlite": [
        (
            "CREATE VIRTUAL TABLE chatbot_chunks_fts USING fts5(chatbot_id, terms, content='chatbot_chunks', "
            "content_rowid='id', tokenize=\"ascii tokenchars '_'\", detail='column')"
        ),
        f"CREATE TRIGGER chatbot_chunks_ai AFTER INSERT ON chatbot_chunks BEGIN {_WRITTEN} END",
        f"CREATE TRIGGER chatbot_chunks_ad AFTER DELETE ON chatbot_chunks BEGIN {_TAKEN} END",
        (
            "CREATE TRIGGER chatbot_chunks_au AFTER UPDATE OF id, chatbot_id, terms ON chatbot_chunks "
            f"BEGIN {_TAKEN} {_WRITTEN} END"
        ),
    ],
    "postgresql": [
        (
            "CREATE INDEX ix_chatbot_chunks_terms ON chatbot_chunks "
            "USING gin (array_to_tsvector(string_to_array(terms, ' ')))"
        ),
    ],
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "webhook_positions",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_webhook_positions")),
    )
    op.create_table(
        "chatbot_artifacts",
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_chatbot_artifacts_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "digest", "part", name=op.f("pk_chatbot_artifacts")),
    )
    op.create_table(
        "chatbot_datasets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("responses", sa.JSON(), nullable=False),
        sa.Column("extras", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("example_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_chatbot_datasets_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_datasets")),
    )
    op.create_index(
        op.f("ix_chatbot_datasets_owner_id_created_at"),
        "chatbot_datasets",
        ["owner_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_templates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_chatbot_templates_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_templates")),
    )
    op.create_index(
        op.f("ix_chatbot_templates_owner_id_created_at"),
        "chatbot_templates",
        ["owner_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("former_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_webhook_endpoints_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        op.f("ix_webhook_endpoints_owner_id_created_at"),
        "webhook_endpoints",
        ["owner_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_webhook_messages_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_messages")),
    )
    op.create_index(op.f("ix_webhook_messages_created_at"), "webhook_messages", ["created_at"], unique=False)
    op.create_index(
        op.f("ix_webhook_messages_owner_id_created_at"),
        "webhook_messages",
        ["owner_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_examples",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("intent", sa.String(length=200), nullable=False),
        sa.Column("entities", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["chatbot_datasets.id"],
            name=op.f("fk_chatbot_examples_dataset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_examples")),
    )
    op.create_index(
        op.f("ix_chatbot_examples_dataset_id_digest"),
        "chatbot_examples",
        ["dataset_id", "digest"],
        unique=False,
    )
    op.create_index(
        op.f("ix_chatbot_examples_dataset_id_id"),
        "chatbot_examples",
        ["dataset_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_chatbot_examples_dataset_id_intent"),
        "chatbot_examples",
        ["dataset_id", "intent"],
        unique=False,
    )
    op.create_table(
        "chatbots",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["bots.id"], name=op.f("fk_chatbots_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbots")),
    )
    op.create_index(op.f("ix_chatbots_owner_id"), "chatbots", ["owner_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.String(length=40), nullable=True),
        sa.Column("signature", sa.String(length=80), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["webhook_messages.id"],
            name=op.f("fk_webhook_deliveries_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_endpoint_id_id"),
        "webhook_deliveries",
        ["endpoint_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_webhook_deliveries_endpoint_id_message_id"),
        "webhook_deliveries",
        ["endpoint_id", "message_id"],
        unique=True,
    )
    op.create_index(
        "ix_webhook_deliveries_head",
        "webhook_deliveries",
        ["endpoint_id", "message_id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_message_id"), "webhook_deliveries", ["message_id"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_open",
        "webhook_deliveries",
        ["endpoint_id", "next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "chatbot_deployments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=40), nullable=False),
        sa.Column("shares", sa.JSON(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"],
            ["chatbots.id"],
            name=op.f("fk_chatbot_deployments_chatbot_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_deployments")),
    )
    op.create_index(
        op.f("ix_chatbot_deployments_chatbot_id_environment_id"),
        "chatbot_deployments",
        ["chatbot_id", "environment", "id"],
        unique=False,
    )
    op.create_table(
        "chatbot_channels",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=60), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"], ["chatbots.id"], name=op.f("fk_chatbot_channels_chatbot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_channels")),
        sa.UniqueConstraint("key", name=op.f("uq_chatbot_channels_key")),
        sa.UniqueConstraint("kind", "account", name=op.f("uq_chatbot_channels_kind_account")),
    )
    op.create_index(op.f("ix_chatbot_channels_owner_id"), "chatbot_channels", ["owner_id"], unique=False)
    op.create_index(
        op.f("ix_chatbot_channels_chatbot_id_created_at"),
        "chatbot_channels",
        ["chatbot_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_channel_chats",
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("channel_id", sa.String(length=40), nullable=False),
        sa.Column("chat_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("sending", sa.Boolean(), nullable=False),
        sa.Column("unsure", sa.Integer(), nullable=False),
        sa.Column("noticed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["chatbot_channels.id"],
            name=op.f("fk_chatbot_channel_chats_channel_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_chatbot_channel_chats")),
    )
    op.create_index(
        op.f("ix_chatbot_channel_chats_channel_id"), "chatbot_channel_chats", ["channel_id"], unique=False
    )
    op.create_table(
        "chatbot_golden",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("turns", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"], ["chatbots.id"], name=op.f("fk_chatbot_golden_chatbot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_golden")),
    )
    op.create_index(
        op.f("ix_chatbot_golden_chatbot_id_created_at"),
        "chatbot_golden",
        ["chatbot_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_models",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("training_id", sa.String(length=40), nullable=False),
        sa.Column("snapshot", sa.String(length=64), nullable=False),
        sa.Column("artifact", sa.String(length=64), nullable=False),
        sa.Column("report", sa.String(length=64), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"], ["chatbots.id"], name=op.f("fk_chatbot_models_chatbot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_models")),
        sa.UniqueConstraint("chatbot_id", "number", name=op.f("uq_chatbot_models_chatbot_id_number")),
    )
    op.create_table(
        "chatbot_training_jobs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=True),
        sa.Column("snapshot", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("model_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["chatbot_id"],
            ["chatbots.id"],
            name=op.f("fk_chatbot_training_jobs_chatbot_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_training_jobs")),
    )
    op.create_index(
        op.f("ix_chatbot_training_jobs_chatbot_id_created_at"),
        "chatbot_training_jobs",
        ["chatbot_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_chatbot_training_jobs_owner_id_created_at"),
        "chatbot_training_jobs",
        ["owner_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_versions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(length=40), nullable=True),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"], ["chatbots.id"], name=op.f("fk_chatbot_versions_chatbot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_versions")),
        sa.UniqueConstraint("chatbot_id", "number", name=op.f("uq_chatbot_versions_chatbot_id_number")),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index(
        op.f("ix_webhook_attempts_delivery_id_id"), "webhook_attempts", ["delivery_id", "id"], unique=False
    )
    op.create_table(
        "chatbot_sources",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("charset", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(length=64), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("term_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["chatbot_id"], ["chatbots.id"], name=op.f("fk_chatbot_sources_chatbot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_sources")),
    )
    op.create_index(
        op.f("ix_chatbot_sources_chatbot_id_created_at"),
        "chatbot_sources",
        ["chatbot_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "chatbot_chunks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("chatbot_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("encoder", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["chatbot_sources.id"],
            name=op.f("fk_chatbot_chunks_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_chunks")),
    )
    op.create_index(op.f("ix_chatbot_chunks_chatbot_id"), "chatbot_chunks", ["chatbot_id"], unique=False)
    op.create_index(
        op.f("ix_chatbot_chunks_source_id_position"), "chatbot_chunks", ["source_id", "position"], unique=True
    )
    for statement in FULL_TEXT[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE chatbot_chunks_fts")
    op.drop_index(op.f("ix_chatbot_chunks_source_id_position"), table_name="chatbot_chunks")
    op.drop_index(op.f("ix_chatbot_chunks_chatbot_id"), table_name="chatbot_chunks")
    op.drop_table("chatbot_chunks")
    op.drop_index(op.f("ix_chatbot_sources_chatbot_id_created_at"), table_name="chatbot_sources")
    op.drop_table("chatbot_sources")
    op.drop_index(op.f("ix_webhook_attempts_delivery_id_id"), table_name="webhook_attempts")
    op.drop_table("webhook_attempts")
    op.drop_table("chatbot_versions")
    op.drop_index(op.f("ix_chatbot_training_jobs_owner_id_created_at"), table_name="chatbot_training_jobs")
    op.drop_index(op.f("ix_chatbot_training_jobs_chatbot_id_created_at"), table_name="chatbot_training_jobs")
    op.drop_table("chatbot_training_jobs")
    op.drop_table("chatbot_models")
    op.drop_index(op.f("ix_chatbot_channel_chats_channel_id"), table_name="chatbot_channel_chats")
    op.drop_table("chatbot_channel_chats")
    op.drop_index(op.f("ix_chatbot_channels_chatbot_id_created_at"), table_name="chatbot_channels")
    op.drop_index(op.f("ix_chatbot_channels_owner_id"), table_name="chatbot_channels")
    op.drop_table("chatbot_channels")
    op.drop_index(op.f("ix_chatbot_golden_chatbot_id_created_at"), table_name="chatbot_golden")
    op.drop_table("chatbot_golden")
    op.drop_index(op.f("ix_chatbot_deployments_chatbot_id_environment_id"), table_name="chatbot_deployments")
    op.drop_table("chatbot_deployments")
    op.drop_index(
        "ix_webhook_deliveries_open",
        table_name="webhook_deliveries",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(op.f("ix_webhook_deliveries_message_id"), table_name="webhook_deliveries")
    op.drop_index(
        "ix_webhook_deliveries_head",
        table_name="webhook_deliveries",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(op.f("ix_webhook_deliveries_endpoint_id_message_id"), table_name="webhook_deliveries")
    op.drop_index(op.f("ix_webhook_deliveries_endpoint_id_id"), table_name="webhook_deliveries")
    op.drop_index(
        "ix_webhook_deliveries_due",
        table_name="webhook_deliveries",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_table("webhook_deliveries")
    op.drop_index(op.f("ix_chatbots_owner_id"), table_name="chatbots")
    op.drop_table("chatbots")
    op.drop_index(op.f("ix_chatbot_examples_dataset_id_intent"), table_name="chatbot_examples")
    op.drop_index(op.f("ix_chatbot_examples_dataset_id_id"), table_name="chatbot_examples")
    op.drop_index(op.f("ix_chatbot_examples_dataset_id_digest"), table_name="chatbot_examples")
    op.drop_table("chatbot_examples")
    op.drop_index(op.f("ix_webhook_messages_owner_id_created_at"), table_name="webhook_messages")
    op.drop_index(op.f("ix_webhook_messages_created_at"), table_name="webhook_messages")
    op.drop_table("webhook_messages")
    op.drop_index(op.f("ix_webhook_endpoints_owner_id_created_at"), table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
    op.drop_index(op.f("ix_chatbot_templates_owner_id_created_at"), table_name="chatbot_templates")
    op.drop_table("chatbot_templates")
    op.drop_index(op.f("ix_chatbot_datasets_owner_id_created_at"), table_name="chatbot_datasets")
    op.drop_table("chatbot_datasets")
    op.drop_table("chatbot_artifacts")
    op.drop_table("webhook_positions")
