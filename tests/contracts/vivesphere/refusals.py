"""One provocation for every error that the document states."""

from collections.abc import Awaitable, Callable, Mapping

import httpx

from botyard.core.accounts import sessions
from tests.contracts.document import Call
from tests.contracts.vivesphere.cast import REQUESTS, Cast, filled, login, send
from tests.second_factor import enrol

Provoke = Callable[[Cast, Call], Awaitable[httpx.Response]]
UNKNOWN = "bot_00000000000000000000000000"


def without(name: str) -> Provoke:
    """The valid request without one field of its body."""

    async def provoke(cast: Cast, call: Call) -> httpx.Response:
        body = filled(cast, REQUESTS[call.id].body)
        return await send(cast, call, body={key: value for key, value in body.items() if key != name})

    return provoke


def queried(**query: str) -> Provoke:
    """The request with this query."""

    async def provoke(cast: Cast, call: Call) -> httpx.Response:
        return await send(cast, call, query=query)

    return provoke


async def token_missing(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.anonymous)


async def as_user(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.owner)


async def as_service(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.service)


async def password_wrong(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, body={"username": cast.account.username, "password": "not this one"})


async def username_unknown(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, body={"username": "nobody", "password": "not this one"})


async def second_factor_missing(cast: Cast, call: Call) -> httpx.Response:
    account = await cast.world.make_account()
    await enrol(cast.world.running.db, account.id)
    return await send(cast, call, body={"username": account.username, "password": account.password})


async def second_factor_wrong(cast: Cast, call: Call) -> httpx.Response:
    account = await cast.world.make_account()
    await enrol(cast.world.running.db, account.id)
    body = {"username": account.username, "password": account.password, "totp_code": "000000"}
    return await send(cast, call, body=body)


async def token_revoked(cast: Cast, call: Call) -> httpx.Response:
    account = await cast.world.make_account()
    token = await login(cast.world, account)
    assert (await send(cast, call, query={"token": token})).status_code == 200
    async with cast.world.running.db.session() as session:
        for opened in await sessions.list_open(session, account.id):
            await sessions.end(session, opened.id)
    return await send(cast, call, query={"token": token})


async def name_taken(cast: Cast, call: Call) -> httpx.Response:
    body = filled(cast, REQUESTS[call.id].body)
    assert (await send(cast, call, body=body)).status_code == 201
    return await send(cast, call, body=body)


async def owned_setting_of_wrong_type(cast: Cast, call: Call) -> httpx.Response:
    settings = {"presence_timeout_s": "a while"}
    return await send(cast, call, body={"settings_data": {"service": "botyard", "settings": settings}})


async def settings_missing(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, body={"settings_data": {"service": "authentication"}})


async def foreign(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.foreign)


async def bot_unknown(cast: Cast, call: Call) -> httpx.Response:
    if call.method == "GET":
        return await send(cast, call, query={"bot_id": UNKNOWN})
    return await send(cast, call, body={"bot_id": UNKNOWN, "data": {}})


async def no_data(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, query={"bot_id": await cast.make_bot()})


REFUSALS: Mapping[tuple[str, str], Provoke] = {
    ("auth.login", "password_wrong"): password_wrong,
    ("auth.login", "username_unknown"): username_unknown,
    ("auth.login", "second_factor_missing"): second_factor_missing,
    ("auth.login", "second_factor_wrong"): second_factor_wrong,
    ("auth.login", "password_missing"): without("password"),
    ("auth.validate", "token_absent"): queried(),
    ("auth.validate", "token_invalid"): queried(token="not.a.token"),
    ("auth.validate", "token_revoked"): token_revoked,
    ("bots.create", "name_missing"): without("bot_name"),
    ("bots.create", "name_taken"): name_taken,
    ("bots.create", "token_missing"): token_missing,
    ("bots.list", "token_missing"): token_missing,
    ("config.settings", "service_unknown"): queried(service_name="nobody ever set this"),
    ("config.settings", "service_name_missing"): queried(),
    ("config.settings", "token_missing"): token_missing,
    ("config.settings", "not_service"): as_user,
    ("config.update", "settings_missing"): settings_missing,
    ("config.update", "owned_setting_of_wrong_type"): owned_setting_of_wrong_type,
    ("config.update", "token_missing"): token_missing,
    ("config.update", "not_admin"): as_service,
    ("logs.submit", "log_data_missing"): without("log_data"),
    ("logs.submit", "token_missing"): token_missing,
    ("logs.submit", "not_service"): as_user,
    ("botdata.store", "data_missing"): without("data"),
    ("botdata.store", "token_missing"): token_missing,
    ("botdata.store", "bot_unknown"): bot_unknown,
    ("botdata.store", "foreign"): foreign,
    ("botdata.retrieve", "no_data"): no_data,
    ("botdata.retrieve", "bot_unknown"): bot_unknown,
    ("botdata.retrieve", "foreign"): foreign,
    ("botdata.retrieve", "token_missing"): token_missing,
}
