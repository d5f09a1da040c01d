"""Tables of webhooks: who wants to hear what, what happened, and how each telling of it went."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base

_Id = BigInteger().with_variant(Integer, "sqlite")


class WebhookEndpoint(Base):
    """An address of one account. Its secret is in the vault, and so is the former one while both sign."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2048))
    events: Mapped[list[str]]
    description: Mapped[str] = mapped_column(String(200))
    ordered: Mapped[bool] = mapped_column(Boolean)  # one at a time, in the order of the events
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[str] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer)  # tries without success, one after the other
    failing_since: Mapped[datetime | None]  # when they became too many to be chance
    paused_until: Mapped[datetime | None]  # it asked for it: 429, 503 with Retry-After
    former_secret_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookMessage(Base):
    """One event as it is told: its id is `webhook-id`, its text is signed and never written anew."""

    __tablename__ = "webhook_messages"
    __table_args__ = (Index(None, "owner_id", "created_at"), Index(None, "created_at"))

    id: Mapped[str] = mapped_column(String(60), primary_key=True)  # sorts as the events happened
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text)  # {event, timestamp, data} as JSON.stringify writes it
    created_at: Mapped[datetime]  # when it happened


class WebhookDelivery(Base):
    """One message on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "endpoint_id", "id"),
        Index(None, "endpoint_id", "message_id", unique=True),
        Index(None, "message_id"),
        Index(
            "ix_webhook_deliveries_due",
            "next_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_open",
            "endpoint_id",
            "next_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_head",
            "endpoint_id",
            "message_id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # sorts by time of birth
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[str] = mapped_column(ForeignKey("webhook_messages.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(20))  # pending, delivered, failed, cancelled
    attempts: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[datetime]  # while somebody holds the lease: when it ends
    lease: Mapped[str | None] = mapped_column(String(40))
    signature: Mapped[str] = mapped_column(String(80))  # of the body; made for the first attempt, then kept
    status: Mapped[int | None] = mapped_column(Integer)  # of the last answer
    error: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class WebhookAttempt(Base):
    """One try: what came back, cut short, and how long it took."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index(None, "delivery_id", "id"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    latency_ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    reply: Mapped[str] = mapped_column(Text)


class WebhookPosition(Base):
    """How far the log of one store was told: the other half of the outbox."""

    __tablename__ = "webhook_positions"

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
