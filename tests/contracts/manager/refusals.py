"""One provocation for every error that the document states."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from tests.contracts.document import Call
from tests.contracts.manager.requests import REQUESTS, Cast, send
from tests.contracts.manager.world import Account, make_command

Provoke = Callable[[Cast, Account, Call], Awaitable[httpx.Response]]
ABSENT = object()


def with_field(name: str, value: Any) -> Provoke:
    """The valid request with one field changed, or left out with ABSENT."""

    async def provoke(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
        changed = {key: field for key, field in REQUESTS[call.id].body.items() if key != name}
        if value is not ABSENT:
            changed[name] = value
        if name == "email":
            changed["username"] = cast.world.fresh_details()["username"]
        path = call.path.format(bot_id=cast.bot.id)
        return await cast.sender(call).request(call.method, path, json=changed)

    return provoke


async def taken_username(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    details = {**cast.world.fresh_details(), "username": cast.account.username.upper()}
    return await cast.world.anonymous.post(call.path, json=details)


async def taken_email(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    details = {**cast.world.fresh_details(), "email": cast.account.email.upper()}
    return await cast.world.anonymous.post(call.path, json=details)


async def wrong_password(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    body = {"username": cast.account.username, "password": "not this one"}
    return await cast.sender(call).post(call.path, json=body)


async def unknown_name(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.world.anonymous.post(call.path, json={"username": "nobody", "password": "not this one"})


async def last_administrator(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.admin.http.post(call.path, json={"password": cast.admin.password})


async def not_admin(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await send(cast, call, cast.account.http)


async def foreign(cast: Cast, stranger: Account, call: Call) -> httpx.Response:
    return await send(cast, call, stranger.http)


async def missing_user(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.admin.http.get(call.path.format(user_id=987654321))


async def user_without_number(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.account.http.get(call.path.format(user_id="me"))


async def short_query(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.admin.http.get(call.path, params={"q": "a"})


async def unknown_bot(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.account.http.post(call.path, json={"bot_id": "bot_none", "type": "ping"})


async def one_bad_log(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    good = REQUESTS[call.id].body
    path = call.path.format(bot_id=cast.bot.id)
    before = (await cast.account.http.get(f"/api/stats/bot/{cast.bot.id}")).json()["total_logs"]
    reply = await cast.bot.http.post(path, json=[good, {**good, "type": "fatal"}, good])
    after = (await cast.account.http.get(f"/api/stats/bot/{cast.bot.id}")).json()["total_logs"]
    assert before == after, "one bad line refuses the whole array"
    return reply


async def unknown_status(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    command = await make_command(cast.account, cast.bot)
    return await cast.bot.http.post(call.path.format(command_id=command), json={"status": "done"})


async def missing_command(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    return await cast.bot.http.post(call.path.format(command_id="cmd_none"), json={"status": "completed"})


async def foreign_command(cast: Cast, stranger: Account, call: Call) -> httpx.Response:
    return await send(cast, call, stranger.http)


async def second_acknowledgement(cast: Cast, _stranger: Account, call: Call) -> httpx.Response:
    path = call.path.format(command_id=await make_command(cast.account, cast.bot))
    first = await cast.bot.http.post(path, json={"status": "completed", "result": {"n": 1}})
    again = await cast.bot.http.post(path, json={"status": "completed", "result": {"n": 1}})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    return await cast.bot.http.post(path, json={"status": "failed", "result": {"n": 1}})


REFUSALS: Mapping[tuple[str, str], Provoke] = {
    ("auth.register", "username_missing"): with_field("username", ABSENT),
    ("auth.register", "password_short"): with_field("password", "7 chars"),
    ("auth.register", "username_taken"): taken_username,
    ("auth.register", "email_taken"): taken_email,
    ("auth.login", "password_wrong"): wrong_password,
    ("auth.login", "username_unknown"): unknown_name,
    ("auth.login", "password_missing"): with_field("password", ABSENT),
    ("auth.change_password", "new_password_short"): with_field("new_password", "7 chars"),
    ("auth.change_password", "old_password_wrong"): with_field("old_password", "not this one"),
    ("auth.reset_password", "token_unknown"): with_field("token", "0" * 40),
    ("auth.delete_account", "password_wrong"): with_field("password", "not this one"),
    ("auth.delete_account", "last_administrator"): last_administrator,
    ("users.list", "not_admin"): not_admin,
    ("users.get", "foreign"): foreign,
    ("users.get", "missing_to_admin"): missing_user,
    ("users.get", "not_a_number"): user_without_number,
    ("users.bots", "foreign"): foreign,
    ("users.bots", "missing_to_admin"): missing_user,
    ("users.search", "query_short"): short_query,
    ("users.search", "not_admin"): not_admin,
    ("bots.create", "name_missing"): with_field("name", ABSENT),
    ("bots.get", "foreign"): foreign,
    ("admin.bots", "not_admin"): not_admin,
    ("bot.send_command", "type_missing"): with_field("type", ABSENT),
    ("bot.logs_post", "type_unknown"): with_field("type", "debug"),
    ("bot.logs_post", "one_bad_in_array"): one_bad_log,
    ("bot.messages_post", "thread_type_unknown"): with_field("thread_type", "CHANNEL"),
    ("commands.create", "type_missing"): with_field("type", ABSENT),
    ("commands.create", "bot_unknown"): unknown_bot,
    ("commands.ack", "status_unknown"): unknown_status,
    ("commands.ack", "missing"): missing_command,
    ("commands.ack", "foreign"): foreign_command,
    ("commands.ack", "acknowledged_differently"): second_acknowledgement,
}
