"""Table of calls to platforms that cost money."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index, Integer, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base

_Id = BigInteger().with_variant(Integer, "sqlite")


class PlatformCall(Base):
    """One call to a platform with its price, entered before it is sent so that no crash hides a cost."""

    __tablename__ = "platform_calls"
    __table_args__ = (Index(None, "platform", "month"), Index(None, "owner_id", "platform", "at"))

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    platform: Mapped[str] = mapped_column(String(40))
    month: Mapped[str] = mapped_column(String(7))  # 2026-11, by UTC: what the cap counts
    call: Mapped[str] = mapped_column(String(60))
    price_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    bot_id: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(
        String(20)
    )  # sent, done, refused, not_sent (then it cost nothing), unknown
    at: Mapped[datetime]
