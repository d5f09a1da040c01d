"""Tables of the vault. Nothing in them can be read without the master key."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base


class VaultState(Base):
    """One row: which master key new data keys are wrapped with, and a canary that only it opens."""

    __tablename__ = "vault_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    master_kid: Mapped[str] = mapped_column(String(64))
    canary: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]


class VaultKey(Base):
    """A data key of one account, wrapped by the master key; the active one seals new records."""

    __tablename__ = "vault_keys"
    __table_args__ = (
        Index(
            "uq_vault_keys_active_account",
            "account_id",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
        Index(None, "master_kid"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[int] = mapped_column(index=True)
    active: Mapped[bool]
    master_kid: Mapped[str] = mapped_column(String(64))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class VaultRecord(Base):
    """One version of one secret.

    No foreign key to `vault_keys`: shredding removes the key, and a record that an old copy of the table brings
    back must stay unreadable rather than stop the restore.
    """

    __tablename__ = "vault_records"
    __table_args__ = (
        UniqueConstraint("kind", "record_id", "name", "version"),
        Index(None, "key_id"),
        Index(None, "superseded_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    key_id: Mapped[str] = mapped_column(String(40))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]
    # When a newer version took its place; it can be restored until it is cleared away.
    superseded_at: Mapped[datetime | None]
