"""Calls on behalf of a bot: its credentials, renewed and stored, and what they cost."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from botyard.core import vault
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots.models import Bot
from botyard.features.studio import calls, spend
from botyard.features.studio.calls import Line
from botyard.features.studio.errors import PlatformOff, SpendCapReached
from botyard.features.studio.platform import AuthDead, CredentialsIncomplete, NotSent, RateLimited
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.features.studio.conftest import MakeLine
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import CLIENT_ID, CLIENT_SECRET, OAUTH1, TOKEN_S


def oauth2(fake: FakeX) -> dict[str, Any]:
    """Credentials of OAuth 2 as somebody stores them who got them elsewhere."""
    tokens = fake.auth.tokens()
    return {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "note": "mine",
    }


async def stored(line: Line) -> dict[str, Any]:
    async with line.db.reader() as session:
        return await secrets.reveal_credentials(session, line.bot)


async def spent(line: Line) -> Decimal:
    async with line.db.reader() as session:
        return (await spend.month_summary(session, "x")).spent_usd


async def extra(line: Line) -> dict[str, Any]:
    async with line.db.reader() as session:
        bot = await session.get(Bot, line.bot.id)
        assert bot is not None
        return bot.extra


@pytest.mark.parametrize(
    "keys",
    [
        {"oauth1": OAUTH1},
        OAUTH1,
        {
            "api_key": OAUTH1["consumer_key"],
            "api_secret": OAUTH1["consumer_secret"],
            "access_token": OAUTH1["access_token"],
            "access_token_secret": OAUTH1["access_token_secret"],
        },
        {
            "API-Key": OAUTH1["consumer_key"],
            "apiKeySecret": f" {OAUTH1['consumer_secret']} ",
            "oauthToken": OAUTH1["access_token"],
            "oauth_token_secret": OAUTH1["access_token_secret"],
        },
    ],
)
async def test_credentials_work_in_the_usual_spellings(make_line: MakeLine, keys: dict[str, Any]) -> None:
    line = await make_line(keys)

    account = await calls.verify(line)

    assert (account.id, account.handle, account.followers) == ("42", "@harbour_bot", 7)
    assert (await extra(line))["account"]["handle"] == "@harbour_bot"
    assert await spent(line) == line.platform.prices["verify"].usd


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"api_key": "k"}, "lack consumer_secret, access_token and access_token_secret"),
        ({**OAUTH1, "access_token_secret": ""}, "lack access_token_secret"),
        ({"bearer_token": "AAAA"}, "stands for an application alone"),
        ({"refresh_token": "r"}, "client_id"),
        ({"client_id": "c"}, "connect one"),
        ({"cookie": "c", "number": 7, "list": [1]}, "hold no keys of X"),
        ({}, "no credentials yet"),
    ],
)
async def test_incomplete_credentials_say_what_is_missing_and_cost_nothing(
    make_line: MakeLine, some_x: FakeX, keys: dict[str, Any], said: str
) -> None:
    line = await make_line(keys)

    with pytest.raises(CredentialsIncomplete, match=said):
        await calls.verify(line)

    assert (some_x.calls, await spent(line)) == ([], 0)
    notes = await extra(line)
    assert said in notes["incomplete"]
    assert "refused" not in notes  # nobody was asked, so nobody refused


async def test_what_was_said_of_keys_goes_when_they_are_asked_about_again(
    make_line: MakeLine, some_x: FakeX
) -> None:
    line = await make_line({"api_key": "k"})
    with pytest.raises(CredentialsIncomplete):
        await calls.verify(line)
    async with line.db.session() as session:
        actor = Principal(user_id=line.bot.owner_id)
        await secrets.store_credentials(session, line.bot, {"oauth1": OAUTH1}, actor=actor)

    await calls.verify(line)

    assert list(await extra(line)) == ["account"]


async def test_nothing_is_called_while_it_is_off(
    make_line: MakeLine, some_x: FakeX, settings: Settings
) -> None:
    line = await make_line(oauth2(some_x))
    settings.x_enabled = False

    with pytest.raises(PlatformOff):
        await calls.verify(line)

    assert some_x.calls == []


async def test_nothing_is_called_beyond_the_cap(
    make_line: MakeLine, some_x: FakeX, settings: Settings
) -> None:
    line = await make_line()
    settings.x_monthly_cap_usd = Decimal("0.01")
    await calls.verify(line)

    with pytest.raises(SpendCapReached):
        await calls.verify(line)

    assert some_x.calls == ["GET /2/users/me"]


async def test_a_limited_call_costs_nothing(make_line: MakeLine, some_x: FakeX) -> None:
    line = await make_line()
    some_x.fail("limited")

    with pytest.raises(RateLimited) as raised:
        await calls.verify(line)

    assert (raised.value.status, await spent(line)) == (429, 0)
    assert raised.value.retry_after_s == pytest.approx(900, abs=2)


async def test_a_token_that_ran_out_is_renewed_and_kept(
    make_line: MakeLine, some_x: FakeX, clock: FrozenClock
) -> None:
    line = await make_line(oauth2(some_x))
    before = await stored(line)
    clock.advance(TOKEN_S + 1)

    await calls.verify(line)  # refused once, renewed, asked again
    after = await stored(line)
    clock.advance(TOKEN_S - 30)
    await calls.verify(line)  # known to end, renewed beforehand

    assert some_x.calls == [
        *("GET /2/users/me", "POST /2/oauth2/token", "GET /2/users/me"),
        *("POST /2/oauth2/token", "GET /2/users/me"),
    ]
    assert after["note"] == "mine"
    assert after["oauth2"]["client_secret"] == CLIENT_SECRET
    assert after["oauth2"]["refresh_token"] not in ("", before["refresh_token"])
    assert not {"access_token", "refresh_token"} & set(after)


async def test_calls_at_once_renew_once(make_line: MakeLine, some_x: FakeX, clock: FrozenClock) -> None:
    line = await make_line(oauth2(some_x))
    clock.advance(TOKEN_S + 1)

    accounts = await asyncio.gather(*(calls.verify(line) for _ in range(5)))

    assert {account.id for account in accounts} == {"42"}
    assert some_x.auth.renewals == 1


class Meddled:
    """The connector, while something else happens just before or after it renews."""

    def __init__(self, line: Line, *, before: Any = None, after: Any = None) -> None:
        self.line, self.before, self.after = line, before, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line.platform, name)

    async def renew(self, credentials: Any) -> dict[str, Any]:
        if self.before is not None:
            await self.store(self.before)
        fresh = await self.line.platform.renew(credentials)
        if self.after is not None:
            await self.store(self.after)
        return fresh

    async def store(self, keys: dict[str, Any]) -> None:
        async with self.line.db.session() as session:
            actor = Principal(user_id=self.line.bot.owner_id)
            await secrets.store_credentials(session, self.line.bot, keys, actor=actor)

    @property
    def seen(self) -> Line:
        """The bot's line through this connector."""
        return Line(self.line.db, self.line.bot, self)  # type: ignore[arg-type]


async def test_a_renewal_that_another_process_won_is_taken_over(
    make_line: MakeLine, some_x: FakeX, clock: FrozenClock
) -> None:
    line = await make_line(oauth2(some_x))
    clock.advance(TOKEN_S + 1)
    theirs = await line.platform.renew(await stored(line))  # the refresh token is spent now

    account = await calls.verify(Meddled(line, before=theirs).seen)

    assert account.id == "42"
    assert await stored(line) == theirs
    assert some_x.auth.renewals == 1


async def test_a_revoked_refresh_token_is_dead_and_stays_stored(
    make_line: MakeLine, some_x: FakeX, clock: FrozenClock
) -> None:
    line = await make_line(oauth2(some_x))
    before = await stored(line)
    some_x.auth.refresh.clear()
    clock.advance(TOKEN_S + 1)

    with pytest.raises(AuthDead, match="Value passed for the token was invalid"):
        await calls.verify(line)

    assert await stored(line) == before
    assert "connect the account again" in (await extra(line))["refused"].lower()


@pytest.mark.parametrize("fault", ["broken", "cut", "hang", "garbled"])
async def test_a_renewal_that_fails_disconnects_nobody_and_posts_nothing(
    make_line: MakeLine, some_x: FakeX, clock: FrozenClock, fault: str
) -> None:
    line = await make_line({**oauth2(some_x), "access_token": ""})
    some_x.fail(fault)

    with pytest.raises(NotSent):
        await calls.verify(line)

    assert "refused" not in await extra(line)


async def test_a_public_application_names_itself_in_the_form(make_line: MakeLine, some_x: FakeX) -> None:
    some_x.auth.public_client = True
    keys = {**oauth2(some_x), "client_secret": "", "access_token": ""}
    line = await make_line(keys)

    assert (await calls.verify(line)).id == "42"


async def test_credentials_that_their_owner_replaced_meanwhile_are_not_overwritten(
    make_line: MakeLine, some_x: FakeX, clock: FrozenClock
) -> None:
    line = await make_line({**oauth2(some_x), "access_token": ""})

    await calls.verify(Meddled(line, after={"oauth1": OAUTH1}).seen)

    assert await stored(line) == {"oauth1": OAUTH1}


async def test_metrics_cost_by_the_post(make_line: MakeLine, studio: Database) -> None:
    line = await make_line()

    found = await calls.metrics(line, ["1", "2", "3"])

    assert found == []
    assert await spent(line) == 3 * line.platform.prices["metrics"].usd
    assert await calls.metrics(line, []) == []
    assert await spent(line) == 3 * line.platform.prices["metrics"].usd


async def test_nothing_of_the_credentials_is_stored_in_clear(make_line: MakeLine, studio: Database) -> None:
    line = await make_line()
    await calls.verify(line)

    assert not [secret for secret in OAUTH1.values() if secret in str(await extra(line))]
    async with studio.reader() as session:
        assert await vault.list_names(session, kind="bot", id=line.bot.id) == ["credentials"]
