"""Tables of accounts: who there is, and what they sign in with."""

from datetime import datetime

from sqlalchemy import BigInteger, Enum, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from botyard.core.accounts.types import Role
from botyard.kit.db import Base

ADDRESS = 64  # longest textual IPv6 address with a zone
DIGEST = 64  # SHA-256 in hexadecimal
ID = 40  # prefix, underscore, ULID
ROLE = Enum(Role, native_enum=False, length=16)  # a new role needs no migration


def _owner() -> Mapped[int]:
    return mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class User(Base):
    """One identity for every document."""

    __tablename__ = "users"
    # Without it SQLite gives the id of a deleted account to the next one, and with it what still names it.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    username: Mapped[str] = mapped_column(String(254))
    username_key: Mapped[str] = mapped_column(String(512), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(512), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    fullname: Mapped[str | None] = mapped_column(String(200), default=None)
    phone: Mapped[str | None] = mapped_column(String(50), default=None)
    birthday: Mapped[str | None] = mapped_column(String(50), default=None)
    gender: Mapped[str | None] = mapped_column(String(50), default=None)
    role: Mapped[Role] = mapped_column(ROLE, default=Role.user)
    is_active: Mapped[bool] = mapped_column(default=True)
    tier: Mapped[str] = mapped_column(String(20), default="standard")
    currency: Mapped[str] = mapped_column(String(10), default="ZAR")
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None] = mapped_column(default=None)
    # Grows with every change of the password; links that were made for an older one are void.
    credentials_version: Mapped[int] = mapped_column(default=1)


class UserSession(Base):
    """A place where somebody is signed in; cookies and tokens name it, so ending it ends them."""

    __tablename__ = "user_sessions"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    user_id: Mapped[int] = _owner()
    kind: Mapped[str] = mapped_column(String(10))  # cookie | token
    token_hash: Mapped[str | None] = mapped_column(String(DIGEST), unique=True, default=None)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    address: Mapped[str] = mapped_column(String(ADDRESS), default="")
    network: Mapped[str] = mapped_column(String(ADDRESS), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")


class RefreshToken(Base):
    """One link in the chain of a token session; the session is the family."""

    __tablename__ = "refresh_tokens"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("user_sessions.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(DIGEST))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    successor_id: Mapped[str | None] = mapped_column(String(ID), default=None)


class ApiKey(Base):
    """A key for programs; the key itself is shown once and kept as a digest only."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    user_id: Mapped[int] = _owner()
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(DIGEST))
    scopes: Mapped[list[str]]
    role: Mapped[Role] = mapped_column(ROLE, default=Role.user)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)


class SecondFactor(Base):
    """Something beside the password; the secret of a `totp` one is in the vault."""

    __tablename__ = "second_factors"
    __table_args__ = (UniqueConstraint("user_id", "kind"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20), default="totp")
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    # The time step of the last accepted code: that one and all before it are used up.
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class RecoveryCode(Base):
    """A code for the day the telephone is lost; good once."""

    __tablename__ = "recovery_codes"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    user_id: Mapped[int] = _owner()
    code_hash: Mapped[str] = mapped_column(String(DIGEST))
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class Invitation(Base):
    """Leave to register once; with an address, for that address only."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(DIGEST), unique=True)
    email: Mapped[str] = mapped_column(String(254), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    used_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class OneTimeToken(Base):
    """Leave for one purpose, for a while and for the password of its day only: a link sent by mail, which is good
    once, or the proof of a password within a session."""

    __tablename__ = "one_time_tokens"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    user_id: Mapped[int] = _owner()
    purpose: Mapped[str] = mapped_column(String(30))
    token_hash: Mapped[str] = mapped_column(String(DIGEST), unique=True)
    credentials_version: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class SigninFailures(Base):
    """How often a sign-in went wrong, per account and network and per account alone."""

    __tablename__ = "signin_failures"
    __table_args__ = (Index(None, "last_at"),)

    key: Mapped[str] = mapped_column(String(DIGEST), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
