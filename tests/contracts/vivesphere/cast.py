"""Who takes part in requests of the ViveSphere document, and a valid request for every call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from botyard.core.accounts import api_keys
from botyard.core.accounts.types import ALL_SCOPES, Role
from tests import loopback
from tests.contracts.document import Call
from tests.contracts.manager.world import PASSWORD, Account, World
from tests.planted import secret

PREFIX = "/vivesphere"
DATA = {"wallet": secret("wallet"), "pins": [1, 2, 3], "nested": {"deep": None}}
CREDENTIALS = {"api_key": secret("key"), "api_secret": secret("secret")}


@dataclass
class Cast:
    """An account with a bot, a stranger, an administrator and a service; each client carries its credential."""

    world: World
    admin: Account
    account: Account
    stranger: Account
    token: str
    owner: httpx.AsyncClient
    foreign: httpx.AsyncClient
    boss: httpx.AsyncClient
    service: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    bot_id: str = ""

    def sender(self, call: Call) -> httpx.AsyncClient:
        """The client of whom the call is for."""
        clients = {"none": self.anonymous, "admin": self.boss, "service": self.service}
        return clients.get(call.access, self.owner)

    async def make_bot(self, client: httpx.AsyncClient | None = None) -> str:
        """A further bot of the account, or of another client's."""
        name = self.world.fresh_details()["username"]
        body = {"bot_name": name, "credentials": CREDENTIALS}
        reply = await (client or self.owner).post("/api/v1/bots/create", json=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["bot_id"])


def client(world: World, **headers: str) -> httpx.AsyncClient:
    """A client of this document."""
    url = world.running.url + PREFIX
    return world.keep(loopback.client(base_url=url, headers=headers))


def bearer(world: World, token: str) -> httpx.AsyncClient:
    """A client with a token."""
    return client(world, authorization=f"Bearer {token}")


async def login(world: World, account: Account) -> str:
    """A token from the document's own login."""
    reply = await client(world).post(
        "/api/v1/auth/login", json={"username": account.username, "password": account.password}
    )
    assert reply.status_code == 200, reply.text
    return str(reply.json()["token"])


async def make_cast(world: World, admin: Account) -> Cast:
    """Fresh accounts, and a bot with secret data."""
    account, stranger = await world.make_account(), await world.make_account()
    async with world.running.db.session() as session:
        _, key = await api_keys.create(
            session, user_id=admin.id, name="a service", scopes=ALL_SCOPES, role=Role.service
        )
    token = await login(world, account)
    cast = Cast(
        world,
        admin,
        account,
        stranger,
        token,
        owner=bearer(world, token),
        foreign=bearer(world, await login(world, stranger)),
        boss=bearer(world, await login(world, admin)),
        service=client(world, **{"x-api-key": key}),
        anonymous=client(world),
    )
    cast.bot_id = await cast.make_bot()
    reply = await cast.owner.post("/api/v1/botdata/store", json={"bot_id": cast.bot_id, "data": DATA})
    assert reply.status_code == 201, reply.text
    return cast


@dataclass(frozen=True)
class Sent:
    """Query and body of a valid request; texts in braces are filled in from the cast."""

    body: Any = None
    query: Mapping[str, str] | None = None


REQUESTS: Mapping[str, Sent] = {
    "auth.login": Sent({"username": "{username}", "password": PASSWORD}),
    "auth.validate": Sent(query={"token": "{token}"}),
    "bots.create": Sent({"bot_name": "{fresh}", "credentials": CREDENTIALS}),
    "bots.list": Sent(query={"user_id": "{user_id}"}),
    "config.settings": Sent(query={"service_name": "botyard"}),
    "config.update": Sent({"settings_data": {"service": "authentication", "settings": {"key": "new_value"}}}),
    "logs.submit": Sent({"log_type": "user_activity", "log_data": {"message": "signed in", "source": "web"}}),
    "botdata.store": Sent({"bot_id": "{bot_id}", "data": DATA}),
    "botdata.retrieve": Sent(query={"bot_id": "{bot_id}"}),
}


def filled(cast: Cast, value: Any) -> Any:
    """A request's part with its braces filled in."""
    if isinstance(value, Mapping):
        return {key: filled(cast, item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return value.format(
            username=cast.account.username,
            user_id=cast.account.id,
            token=cast.token,
            bot_id=cast.bot_id,
            fresh=cast.world.fresh_details()["username"],
        )
    return value


async def send(
    cast: Cast, call: Call, sender: httpx.AsyncClient | None = None, **changed: Any
) -> httpx.Response:
    """Make one call with its valid request, as whom it is for or as `sender`; `changed` replaces body or query."""
    sent = REQUESTS[call.id]
    return await (sender or cast.sender(call)).request(
        call.method,
        call.path,
        params=changed.get("query", filled(cast, sent.query)),
        json=changed.get("body", filled(cast, sent.body)),
    )
