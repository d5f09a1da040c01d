"""A valid request for every call of the document: who sends it, with what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.contracts.document import Call
from tests.contracts.manager.world import PASSWORD, Account, Bot, World, fill, make_command


@dataclass
class Cast:
    """Who takes part in one request: an account with a bot that has some of everything, and an administrator."""

    world: World
    admin: Account
    account: Account
    bot: Bot

    def sender(self, call: Call) -> httpx.AsyncClient:
        """The client of whom the call is for."""
        if call.is_public:
            return self.world.anonymous
        if call.access == "admin":
            return self.admin.http
        return self.bot.http if "bot" in call.access else self.account.http


async def make_cast(world: World, admin: Account) -> Cast:
    """A fresh account and bot, with content."""
    account = await world.make_account()
    bot = await world.make_bot(account, metadata={"room": 1})
    await fill(account, bot)
    return Cast(world, admin, account, bot)


@dataclass(frozen=True)
class Sent:
    """Query and body of a request; texts in braces are filled in from the cast."""

    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    destroys: bool = False  # the account or bot is not the same afterwards


_COMMAND = {"type": "ping", "payload": {"n": 1}}
_LOG = {"type": "warning", "message": "low on memory", "metadata": {"mb": 12}}
_MESSAGE = {
    "message": "hello",
    "author_id": "42",
    "author_name": "Grace",
    "thread_id": "room-1",
    "thread_type": "GROUP",
    "metadata": {"lang": "en"},
}

REQUESTS: Mapping[str, Sent] = {
    "auth.register": Sent({"username": "{fresh}", "email": "{fresh}@example.org", "password": PASSWORD}),
    "auth.login": Sent({"username": "{username}", "password": PASSWORD}),
    "auth.logout": Sent(destroys=True),
    "auth.me": Sent(),
    "auth.update_profile": Sent(
        {"fullname": "Ada King", "phone": "1", "birthday": "1815-12-10", "gender": "f"}
    ),
    "auth.change_password": Sent(
        {"old_password": PASSWORD, "new_password": "another fine one"}, destroys=True
    ),
    "auth.forgot_password": Sent({"email": "nobody@example.org"}),
    "auth.reset_password": Sent(
        {"token": "{reset_token}", "new_password": "another fine one"}, destroys=True
    ),
    "auth.delete_account": Sent({"password": PASSWORD}, destroys=True),
    "users.list": Sent(),
    "users.get": Sent(),
    "users.bots": Sent(),
    "users.search": Sent(query={"q": "{username}"}),
    "bots.list": Sent(),
    "bots.create": Sent({"name": "Bob", "metadata": {}}),
    "bots.get": Sent(),
    "bots.update": Sent({"name": "Ada II", "metadata": {"room": 2}}),
    "bots.delete": Sent(destroys=True),
    "bots.token": Sent(),
    "bots.regenerate_token": Sent(destroys=True),
    "bots.data": Sent(),
    "admin.bots": Sent(),
    "bot.info": Sent(),
    "bot.send_command": Sent(_COMMAND),
    "bot.restart": Sent(),
    "bot.stop": Sent(),
    "bot.settings_get": Sent(),
    "bot.settings_put": Sent({"volume": 3}),
    "bot.commands_history": Sent(query={"limit": 50}),
    "stats.overview": Sent(),
    "stats.bot": Sent(),
    "export.logs": Sent(query={"bot_id": "{bot_id}", "limit": 1000}),
    "export.messages": Sent(query={"bot_id": "{bot_id}", "limit": 1000}),
    "export.bot_data": Sent(),
    "logs.list": Sent(query={"limit": 100}),
    "bot.logs_post": Sent(_LOG),
    "messages.list": Sent(query={"limit": 100}),
    "bot.messages_post": Sent(_MESSAGE),
    "bot.sync": Sent({"groups": [{"id": "g1"}], "friends": [{"id": "f1"}], "metadata": {"v": 1}}),
    "bot.data": Sent(),
    "commands.list": Sent(query={"bot_id": "{bot_id}"}),
    "commands.create": Sent({"bot_id": "{bot_id}", **_COMMAND}),
    "bot.commands_pending": Sent(query={"limit": 10}),
    "commands.ack": Sent({"status": "completed", "result": {"ok": True}}),
}


async def send(cast: Cast, call: Call, sender: httpx.AsyncClient | None = None) -> httpx.Response:
    """Make one call with its valid request, as whom it is for or as `sender`."""
    sent = REQUESTS[call.id]
    known = await values(cast, call)
    return await (sender or cast.sender(call)).request(
        call.method,
        call.path.format(**known),
        params=filled(sent.query, known),
        json=filled(sent.body, known),
    )


async def values(cast: Cast, call: Call) -> dict[str, str]:
    """What the braces in the path and in the texts of a call's request stand for."""
    account, sent = cast.account, REQUESTS[call.id]
    known = {
        "bot_id": cast.bot.id,
        "user_id": str(account.id),
        "username": account.username,
        "fresh": cast.world.fresh_details()["username"],
    }
    if "{command_id}" in call.path:
        known["command_id"] = await make_command(account, cast.bot)
    if "{reset_token}" in str(sent.body):
        known["reset_token"] = await cast.world.reset_token(account)
    return known


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A request's part with its braces filled in."""
    if isinstance(value, Mapping):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return value.format(**known)
    return value
