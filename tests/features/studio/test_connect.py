"""Connecting an account by its owner's consent: bound to one sign-in, good once, with PKCE."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Kind, Principal
from botyard.core.bots import holdings, secrets
from botyard.core.bots.models import BotKind
from botyard.features.studio import calls, connect
from botyard.features.studio.calls import Line
from botyard.features.studio.errors import ConsentLost, PlatformOff
from botyard.features.studio.jobs import tidy
from botyard.features.studio.platform import AuthDead, CredentialsIncomplete
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.core.accounts.people import MakeUser
from tests.features.studio.conftest import MakeLine
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import CLIENT_ID, CLIENT_SECRET

APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "note": "mine"}
BACK = "http://127.0.0.1:8000/x-bots/connected"


def person(user: User, session_id: str = "s1") -> Principal:
    return Principal(kind=Kind.cookie, user_id=user.id, session_id=session_id)


async def begin(line: Line, caller: Principal) -> str:
    async with line.db.session() as session:
        return await connect.begin(session, line, redirect_uri=BACK, caller=caller)


async def finish(line: Line, caller: Principal, **came: str) -> None:
    await connect.finish(line.db, caller=caller, kind=BotKind.x, **came)


async def stored(line: Line) -> dict[str, Any]:
    async with line.db.reader() as session:
        return await secrets.reveal_credentials(session, line.bot)


async def test_an_owner_who_allows_it_connects_the_account(
    make_line: MakeLine, some_x: FakeX, alice: User
) -> None:
    line = await make_line(APP)

    url = await begin(line, person(alice))
    await finish(line, person(alice), **some_x.auth.consent(url))

    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == BACK
    assert CLIENT_SECRET not in url
    keys = await stored(line)
    assert keys["note"] == "mine"
    assert keys["oauth2"]["refresh_token"] in some_x.auth.refresh
    assert (await calls.verify(line)).handle == "@harbour_bot"


async def test_a_way_is_good_once(make_line: MakeLine, some_x: FakeX, alice: User) -> None:
    line = await make_line(APP)
    came = some_x.auth.consent(await begin(line, person(alice)))
    await finish(line, person(alice), **came)

    with pytest.raises(ConsentLost):
        await finish(line, person(alice), **came)


async def test_another_sign_in_or_account_cannot_end_what_one_began(
    make_line: MakeLine, some_x: FakeX, alice: User, make_user: MakeUser
) -> None:
    line = await make_line(APP)
    came = some_x.auth.consent(await begin(line, person(alice)))
    strangers = [person(alice, "s2"), person(alice, ""), person(await make_user("bob"))]

    for stranger in strangers:
        with pytest.raises(ConsentLost):
            await finish(line, stranger, **came)
    for state in ("", "nothing", f"{line.bot.id}.guess", "bot_other.x"):
        with pytest.raises(ConsentLost):
            await finish(line, person(alice), state=state, code=came["code"])

    assert await stored(line) == APP
    await finish(line, person(alice), **came)


async def test_a_way_ends_after_a_quarter_of_an_hour_or_when_another_begins(
    make_line: MakeLine, some_x: FakeX, alice: User, clock: FrozenClock
) -> None:
    line = await make_line(APP)
    earlier = some_x.auth.consent(await begin(line, person(alice)))
    came = some_x.auth.consent(await begin(line, person(alice)))
    with pytest.raises(ConsentLost):
        await finish(line, person(alice), **earlier)
    clock.advance(15 * 60 + 1)

    with pytest.raises(ConsentLost):
        await finish(line, person(alice), **came)


async def test_what_proves_the_way_back_is_no_secret_of_the_bot_and_goes_when_nobody_came(
    make_line: MakeLine, some_x: FakeX, alice: User, clock: FrozenClock, studio: Database
) -> None:
    line = await make_line(APP)
    late = some_x.auth.consent(await begin(line, person(alice)))
    async with studio.reader() as session:
        (held,) = await holdings.of(session, [line.bot])
    clock.advance(14 * 60)
    other = await make_line(APP, name="Market")
    came = some_x.auth.consent(await begin(other, person(alice)))

    clock.advance(2 * 60)
    gone = [await tidy.run_inline(studio) for _ in range(2)]

    assert [each.name for each in held.secrets] == ["credentials"]
    assert gone == [1, 0]
    with pytest.raises(ConsentLost):
        await finish(line, person(alice), **late)
    await finish(other, person(alice), **came)


async def test_a_code_that_somebody_else_got_is_worthless(
    make_line: MakeLine, some_x: FakeX, alice: User
) -> None:
    line = await make_line(APP)
    theirs = some_x.auth.consent(await begin(line, person(alice)))
    mine = some_x.auth.consent(await begin(line, person(alice)))

    with pytest.raises(AuthDead, match="authorization code was invalid"):
        await finish(line, person(alice), state=mine["state"], code=theirs["code"])

    assert await stored(line) == APP


async def test_an_owner_who_refuses_changes_nothing(make_line: MakeLine, some_x: FakeX, alice: User) -> None:
    line = await make_line(APP)
    came = some_x.auth.consent(await begin(line, person(alice)))

    await finish(line, person(alice), state=came["state"], code="")

    assert (await stored(line), some_x.calls) == (APP, [])


async def test_without_an_application_or_while_off_nothing_begins(
    make_line: MakeLine, alice: User, settings: Settings, studio: Database
) -> None:
    for number, keys in enumerate(({}, {"note": "mine"})):
        with pytest.raises(CredentialsIncomplete, match="client_id"):
            await begin(await make_line(keys, name=f"Bot {number}"), person(alice))
    settings.x_enabled = False
    with pytest.raises(PlatformOff):
        await begin(await make_line(APP), person(alice))
