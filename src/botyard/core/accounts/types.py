"""Who can act: roles, kinds of credentials, scopes and the principal that a request turns into."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What an account may do at large."""

    user = "user"
    admin = "admin"
    service = "service"


class Kind(StrEnum):
    """By what credential a caller came."""

    anonymous = "anonymous"
    cookie = "cookie"
    token = "token"  # noqa: S105 - the name of a kind
    api_key = "api_key"
    bot = "bot"


STANDARD, ENTERPRISE = "standard", "enterprise"  # tiers of limits, where a document has any

ALL_SCOPES = frozenset(
    {
        "bots:read",
        "bots:write",
        "commands:read",
        "commands:write",
        "logs:read",
        "logs:write",
        "messages:read",
        "messages:write",
        "data:read",
        "data:write",
        "vault:read",
        "vault:write",
        "config:read",
        "stats:read",
        "events:read",
    }
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was checked. `user_id` is the owning account, for a bot too; 0 is nobody."""

    kind: Kind = Kind.anonymous
    user_id: int = 0
    role: Role = Role.user
    session_id: str = ""
    api_key_id: str = ""
    bot_id: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)
    tier: str = STANDARD
    # When the session or key ends unless it is prolonged, for what stays open longer than a request.
    until: datetime | None = field(default=None, compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether an administrator acts in person: a bot or a key of one is not enough."""
        return self.role is Role.admin and self.kind in (Kind.cookie, Kind.token)

    @property
    def known(self) -> bool:
        """Whether any credential was accepted."""
        return self.kind is not Kind.anonymous


ANONYMOUS = Principal()
