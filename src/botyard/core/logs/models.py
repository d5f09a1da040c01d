"""Table of service logs in the stream store; only the group-commit writer writes it."""

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import StreamBase

_Id = BigInteger().with_variant(Integer, "sqlite")


class ServiceLog(StreamBase):
    """One entry that a service submitted."""

    __tablename__ = "service_logs"
    __table_args__ = (
        Index(None, "type", "id"),
        Index(None, "source", "id"),
        Index(None, "correlation_id", "id"),
        Index(None, "at_us"),
        # Cursors of live listeners hold ids: one must not be given again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    log_id: Mapped[str] = mapped_column(String(40))
    at_us: Mapped[int] = mapped_column(BigInteger)  # when it happened, by the sender's clock within bounds
    received_us: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    level: Mapped[str] = mapped_column(String(16))  # empty where the sender named none
    source: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    correlation_id: Mapped[str] = mapped_column(String(128))
    sender: Mapped[str] = mapped_column(String(60))  # user:7 or key:key_…
    data: Mapped[str | None] = mapped_column(Text)  # JSON, what looked like a secret replaced
