"""Table of requests that carry an idempotency key."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base


class IdempotentRequest(Base):
    """What was asked under a key, and what was answered; the answer is sealed, since it may hold a fresh token."""

    __tablename__ = "idempotency_keys"

    principal_key: Mapped[str] = mapped_column(String(80), primary_key=True)
    route: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    # None while the first request is still at work.
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    held_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(index=True)
