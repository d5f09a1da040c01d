"""The policy table's row: who may use a route. Each contract and the dashboard keep a table of these.

A row drives enforcement (`edge.guard`), the `security` of the OpenAPI file and the generated
authorization matrix. A route without a row is refused at start-up and fails the tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from botyard.core.accounts.types import ALL_SCOPES, Kind, Principal, Role
from botyard.kit.errors import Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use one route.

    `kinds`: accepted credentials, empty for a public route. `roles`: roles that may, empty for any.
    `scope`: what an API key must carry. `owns`: the kind of stored object that the path names; another
    account's object answers like a missing one, unless `foreign` says 403.
    """

    kinds: frozenset[Kind] = frozenset()
    roles: frozenset[Role] = frozenset()
    scope: str = ""
    owns: str = ""
    foreign: int = 404

    @property
    def public(self) -> bool:
        """Whether the route needs no credential."""
        return not self.kinds

    def owned(self, kind: str, *, foreign: int = 404) -> "Rule":
        """The same rule for a route whose path names an object of an account."""
        return replace(self, owns=kind, foreign=foreign)

    def admit(self, caller: Principal) -> None:
        """Let the caller through, or raise Unauthenticated or Forbidden."""
        if self.public:
            return
        if not caller.known:
            raise Unauthenticated
        if caller.kind not in self.kinds:
            raise Forbidden(f"This address cannot be used with {_WORDS[caller.kind]}.")
        if caller.kind is Kind.api_key and self.scope not in caller.scopes:
            raise Forbidden(f"This API key lacks the scope {self.scope or 'for this'}.")
        if self.roles and caller.role not in self.roles:
            raise Forbidden(self._wanted(caller))
        if self.roles == frozenset({Role.admin}) and caller.kind is Kind.api_key:
            raise Forbidden(self._wanted(caller))

    def _wanted(self, caller: Principal) -> str:
        if caller.kind is Kind.api_key and Role.service in self.roles:
            return "This takes an API key of the role service; an administrator makes one under Connect a service."
        if caller.kind is Kind.api_key:
            return "This takes an administrator in person; an API key is not enough."
        return "This is for administrators."


_WORDS: Mapping[Kind, str] = {
    Kind.anonymous: "no credential",
    Kind.cookie: "a session cookie",
    Kind.token: "an access token",
    Kind.api_key: "an API key",
    Kind.bot: "a bot token",
}

PUBLIC = Rule()
PERSON = frozenset({Kind.cookie, Kind.token})


def person() -> Rule:
    """A signed-in person: account management, which no API key may do."""
    return Rule(kinds=PERSON)


def user(scope: str) -> Rule:
    """A signed-in person, or an API key with `scope`."""
    assert scope in ALL_SCOPES, scope
    return Rule(kinds=PERSON | {Kind.api_key}, scope=scope)


def admin() -> Rule:
    """An administrator in person."""
    return Rule(kinds=PERSON, roles=frozenset({Role.admin}))


def service(scope: str) -> Rule:
    """A service by an API key of that role with `scope`, or an administrator in person."""
    assert scope in ALL_SCOPES, scope
    roles = frozenset({Role.admin, Role.service})
    return Rule(kinds=PERSON | {Kind.api_key}, roles=roles, scope=scope)


def bot(scope: str) -> Rule:
    """The bot itself by its token, or its owner as in `user`."""
    assert scope in ALL_SCOPES, scope
    return Rule(kinds=PERSON | {Kind.api_key, Kind.bot}, scope=scope)


def itself() -> Rule:
    """The bot itself by its token; nobody else can say this for it."""
    return Rule(kinds=frozenset({Kind.bot}))


def without_cookie(rule: Rule) -> Rule:
    """The rule as it is in documents that know no cookie, and therefore need no CSRF defence."""
    return replace(rule, kinds=rule.kinds - {Kind.cookie}) if rule.kinds else rule


Table = Mapping[str, Rule]
