"""Tables of the stream store that every kind of bot shares."""

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.core.realtime.models import Serial
from botyard.kit.db import EpochUs, StreamBase


class StreamEvent(StreamBase):
    """One live event of the stream store; the same shape as `events` of the main store."""

    __tablename__ = "stream_events"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    at: Mapped[datetime] = mapped_column("at_us", EpochUs, index=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    payload: Mapped[str] = mapped_column(Text)


class Tally(StreamBase):
    """A counter of one bot, so that a dashboard need not count millions of rows."""

    __tablename__ = "tallies"

    bot_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    value: Mapped[int] = mapped_column(BigInteger)


class IngestKey(StreamBase):
    """A batch that was stored already, so that sending it again stores nothing twice."""

    __tablename__ = "ingest_keys"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column("at_us", EpochUs, index=True)
    digest: Mapped[str | None] = mapped_column(String(64))  # of the request that it was first used for
    made: Mapped[str | None] = mapped_column(String(40))  # id of what that made, to be answered again
