"""What an idempotency key stands for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("ingest_keys", sa.Column("digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("ingest_keys", "digest")
