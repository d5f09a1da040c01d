"""Tables of the audit log."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base


class AuditEntry(Base):
    """One act. Its hash covers the entry and the hash before it, so that none can be changed or left out."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "action", "id"),
        Index(None, "actor_user_id", "id"),
        Index(None, "target", "id"),
    )

    # 1, 2, 3 … without gaps, given under a lock.
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(20))
    # No foreign keys: an entry outlives whom and what it names.
    actor_user_id: Mapped[int]
    actor_ref: Mapped[str] = mapped_column(String(60))
    action: Mapped[str] = mapped_column(String(80))
    target: Mapped[str] = mapped_column(String(120))
    details: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """One row: how many entries there are and the last one's hash, sealed. Shows when the end was cut off."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))
