"""Table of bots of every kind."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base


class BotKind(StrEnum):
    """What a bot is; a bot of one kind is unknown to the documents of the others."""

    fleet = "fleet"
    x = "x"
    character = "character"
    trading = "trading"
    chatbot = "chatbot"


class Bot(Base):
    """A bot of any kind, owned by one account."""

    __tablename__ = "bots"
    __table_args__ = (
        Index(None, "owner_id", "kind", "created_at"),
        # The document of X bots promises unique names; the others let an account use a name twice.
        Index(
            "uq_bots_owner_id_name_x",
            "owner_id",
            "name",
            unique=True,
            sqlite_where=text("kind = 'x'"),
            postgresql_where=text("kind = 'x'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[BotKind] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    # `metadata` is taken by SQLAlchemy; the column keeps the documents' word.
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Keyed digest of the bot's token: what a request is checked against. The token itself is in the vault.
    token_digest: Mapped[str | None] = mapped_column(String(64), default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
