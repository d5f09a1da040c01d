"""Run-time settings, versions of secrets, unique names of X bots, calls that cost money."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "config_settings",
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "key", name=op.f("pk_config_settings")),
    )
    op.create_table(
        "config_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("effective", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_user", sa.BigInteger(), nullable=False),
        sa.Column("by_ref", sa.String(length=60), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_config_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_config_changes_service_id"), "config_changes", ["service", "id"])

    op.create_table(
        "platform_calls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("call", sa.String(length=60), nullable=False),
        sa.Column("price_usd", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_id", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_calls")),
    )
    op.create_index(op.f("ix_platform_calls_platform_month"), "platform_calls", ["platform", "month"])
    op.create_index(
        op.f("ix_platform_calls_owner_id_platform_at"), "platform_calls", ["owner_id", "platform", "at"]
    )

    op.add_column("vault_records", sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_vault_records_superseded_at"), "vault_records", ["superseded_at"])
    op.create_index(op.f("ix_audit_entries_target_id"), "audit_entries", ["target", "id"])
    op.create_index(
        "uq_bots_owner_id_name_x",
        "bots",
        ["owner_id", "name"],
        unique=True,
        sqlite_where=sa.text("kind = 'x'"),
        postgresql_where=sa.text("kind = 'x'"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("uq_bots_owner_id_name_x", table_name="bots")
    op.drop_index(op.f("ix_audit_entries_target_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_vault_records_superseded_at"), table_name="vault_records")
    op.drop_column("vault_records", "superseded_at")
    op.drop_table("platform_calls")
    op.drop_table("config_changes")
    op.drop_table("config_settings")
