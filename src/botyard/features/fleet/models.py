"""Tables of the fleet in the stream store; only the group-commit writer writes them.

Moments are microseconds since 1970, JSON is text: raw SQL is then the same on SQLite and PostgreSQL.
"""

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import StreamBase

# SQLite gives automatic ids to INTEGER primary keys only.
_Id = BigInteger().with_variant(Integer, "sqlite")


class Log(StreamBase):
    """One line that a bot logged."""

    __tablename__ = "logs"
    __table_args__ = (
        Index(None, "bot_id", "id"),
        Index(None, "owner_id", "id"),
        Index(None, "at_us"),
        # Cursors of live listeners hold ids: one of a deleted bot must not be given again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    bot_id: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    at_us: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(Text)
    metadata_json: Mapped[str | None] = mapped_column("metadata", Text)


class Message(StreamBase):
    """One message that a bot saw or sent in a chat."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "bot_id", "id"),
        Index(None, "owner_id", "id"),
        Index(None, "at_us"),
        # Cursors of live listeners hold ids: one of a deleted bot must not be given again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    bot_id: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    at_us: Mapped[int] = mapped_column(BigInteger)
    message: Mapped[str] = mapped_column(Text)
    author_id: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text)
    thread_id: Mapped[str] = mapped_column(Text)
    thread_type: Mapped[str] = mapped_column(String(20))
    metadata_json: Mapped[str | None] = mapped_column("metadata", Text)


class Command(StreamBase):
    """One order to a bot and its life: queued, leased, then completed, failed, cancelled or expired."""

    __tablename__ = "commands"
    __table_args__ = (
        # What a bot has still to do, in the order in which it is handed out.
        Index(
            "ix_commands_open",
            "bot_id",
            text("priority DESC"),
            "created_us",
            "id",
            sqlite_where=text("completed_us IS NULL"),
            postgresql_where=text("completed_us IS NULL"),
        ),
        Index(None, "bot_id", "created_us"),
        Index(None, "owner_id", "created_us"),
        Index(
            "ix_commands_leased",
            "lease_until_us",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
        Index(
            "ix_commands_expiring",
            "expires_us",
            sqlite_where=text("state = 'queued' AND expires_us IS NOT NULL"),
            postgresql_where=text("state = 'queued' AND expires_us IS NOT NULL"),
        ),
        Index(
            "uq_commands_bot_id_dedup_key",
            "bot_id",
            "dedup_key",
            unique=True,
            sqlite_where=text("dedup_key IS NOT NULL"),
            postgresql_where=text("dedup_key IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    bot_id: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(100))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    max_attempts: Mapped[int] = mapped_column(Integer)
    created_us: Mapped[int] = mapped_column(BigInteger)
    available_us: Mapped[int] = mapped_column(BigInteger)
    expires_us: Mapped[int | None] = mapped_column(BigInteger)
    lease_id: Mapped[str | None] = mapped_column(String(40))
    lease_until_us: Mapped[int | None] = mapped_column(BigInteger)
    completed_us: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[str | None] = mapped_column(Text)
    dedup_key: Mapped[str | None] = mapped_column(String(200))


class Presence(StreamBase):
    """When a bot was last heard of, and what it said of itself."""

    __tablename__ = "presence"
    __table_args__ = (Index(None, "online", "seen_us"),)

    bot_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    online: Mapped[bool] = mapped_column(Boolean)
    seen_us: Mapped[int] = mapped_column(BigInteger)
    changed_us: Mapped[int] = mapped_column(BigInteger)
    about: Mapped[str] = mapped_column(Text, server_default="{}")


class SyncedData(StreamBase):
    """The last picture of its friends and groups that a bot sent."""

    __tablename__ = "synced_data"

    bot_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[str] = mapped_column(Text)
    updated_us: Mapped[int] = mapped_column(BigInteger)
