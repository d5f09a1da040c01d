"""The table of live events that business transactions leave behind."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base, EpochUs

# SQLite numbers rows by itself only where the key is spelled INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


class EventRow(Base):
    """One event of the main store; ids are given in commit order and never again after a purge."""

    __tablename__ = "events"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    at: Mapped[datetime] = mapped_column("at_us", EpochUs, index=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)
