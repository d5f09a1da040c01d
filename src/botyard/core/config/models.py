"""Tables of run-time settings and of what changed in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import AnyJson, Base

# SQLite gives automatic ids to INTEGER primary keys only.
_Id = BigInteger().with_variant(Integer, "sqlite")


class ConfigSetting(Base):
    """One stored value of one service; of a secret only that it is in the vault."""

    __tablename__ = "config_settings"

    service: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[Any] = mapped_column(AnyJson, nullable=True)
    secret: Mapped[bool]
    updated_at: Mapped[datetime]
    updated_by: Mapped[int] = mapped_column(BigInteger)


class ConfigChange(Base):
    """One change of one setting, for the history and for undoing it; secrets are named, never shown."""

    __tablename__ = "config_changes"
    __table_args__ = (
        Index(None, "service", "id"),
        # Undoing names a change by its id: one must never be given again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    service: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    # JSON null where there was, or is, no stored value; a secret is `{"$secret": version}`.
    before: Mapped[Any] = mapped_column(AnyJson, nullable=True)
    after: Mapped[Any] = mapped_column(AnyJson, nullable=True)
    secret: Mapped[bool]
    effective: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    by_user: Mapped[int] = mapped_column(BigInteger)
    by_ref: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(64))
