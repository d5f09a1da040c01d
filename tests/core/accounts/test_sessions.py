"""Sessions: opened anew at each sign-in, seen through by every credential, over at once when ended."""

import asyncio
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select

from botyard.core.accounts import administration, sessions, token_keys, tokens
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import SessionOver, TokenRejected
from botyard.core.accounts.events import SessionEnded
from botyard.core.accounts.models import RefreshToken, User, UserSession
from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.accounts.types import Kind, Principal, Role
from botyard.core.realtime.models import EventRow
from botyard.kit import clock as clocks
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import NotFound, Unauthenticated
from botyard.kit.keys import SigningKey
from tests.core.accounts.people import ADDRESS


async def open_cookie(db: Database, user: User, **more: str) -> str:
    async with db.session() as session:
        return await sessions.open_cookie(session, user.id, address=ADDRESS, **more)


async def open_token(db: Database, user: User) -> tokens.TokenPair:
    async with db.session() as session:
        return await sessions.open_token(session, user.id, address=ADDRESS)


async def end(db: Database, session_id: str) -> None:
    async with db.session() as session:
        await sessions.end(session, session_id)


async def test_cookie_and_token_stand_for_their_person(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    cookie, pair = await open_cookie(house, alice), await open_token(house, alice)

    by_cookie = await authenticator.resolve_cookie(cookie)
    by_token = await authenticator.resolve_bearer(pair.access)

    assert (by_cookie.kind, by_cookie.user_id, by_cookie.role) == (Kind.cookie, alice.id, Role.user)
    assert (by_token.kind, by_token.user_id, by_token.session_id) == (Kind.token, alice.id, pair.session_id)
    assert pair.expires_in_s == 3600


async def test_no_secret_is_stored_in_clear(house: Database, alice: User) -> None:
    cookie, pair = await open_cookie(house, alice), await open_token(house, alice)

    async with house.reader() as session:
        rows = [
            vars(row) for table in (UserSession, RefreshToken) for row in await session.scalars(select(table))
        ]
    for secret in (cookie, pair.access, pair.refresh.partition(".")[2]):
        assert secret not in repr(rows)


async def test_every_sign_in_makes_a_cookie_of_its_own_and_ends_the_one_it_came_with(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    planted = await open_cookie(house, alice)

    fresh = await open_cookie(house, alice, replacing=planted)

    assert fresh != planted
    assert len(fresh) == 43  # 256 bits
    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(planted)


async def test_a_made_up_cookie_is_nobodys(house: Database, authenticator: Authenticator) -> None:
    for value in ("", "x", "A" * 43, "\ud800", "ü" * 43, "a" * 100_000):
        with pytest.raises(SessionOver):
            await authenticator.resolve_cookie(value)


async def test_a_cookie_is_no_token_and_a_token_no_cookie(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    cookie, pair = await open_cookie(house, alice), await open_token(house, alice)

    for wrong in (authenticator.resolve_cookie(pair.access), authenticator.resolve_bearer(cookie)):
        with pytest.raises(Unauthenticated):
            await wrong
    for wrong in (authenticator.resolve_bearer(pair.refresh), authenticator.resolve_cookie(pair.refresh)):
        with pytest.raises(Unauthenticated):
            await wrong


async def test_ended_session_is_over_at_once_although_it_was_in_use(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    cookie, pair = await open_cookie(house, alice), await open_token(house, alice)
    principal = await authenticator.resolve_cookie(cookie)
    await authenticator.resolve_bearer(pair.access)

    await end(house, principal.session_id)
    await end(house, pair.session_id)

    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(cookie)
    with pytest.raises(SessionOver):
        await authenticator.resolve_bearer(pair.access)
    with pytest.raises(TokenRejected):
        await tokens.refresh(house, pair.refresh)


async def test_another_process_notices_within_a_second(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    elsewhere = Authenticator(house)
    cookie = await open_cookie(house, alice)
    principal = await elsewhere.resolve_cookie(cookie)

    await end(house, principal.session_id)
    clock.advance(1.0)

    with pytest.raises(SessionOver):
        await elsewhere.resolve_cookie(cookie)


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    cookie = await open_cookie(house, alice)
    reading = asyncio.ensure_future(authenticator.resolve_cookie(cookie))
    await asyncio.sleep(0)  # it has begun to read

    authenticator.forget()
    principal = await reading
    async with house.session() as session:
        await session.delete(await session.get_one(UserSession, principal.session_id))

    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(cookie)


async def test_cookie_ends_after_seven_days_however_much_it_is_used(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    cookie = await open_cookie(house, alice)
    for _ in range(7 * 24 - 1):
        clock.advance(3600)
        await authenticator.resolve_cookie(cookie)

    clock.advance(3600)

    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(cookie)


async def test_access_token_ends_after_an_hour_to_the_second(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    pair = await open_token(house, alice)
    clock.advance(3599.5)
    await authenticator.resolve_bearer(pair.access)

    clock.advance(0.5)

    with pytest.raises(TokenRejected):
        await authenticator.resolve_bearer(pair.access)


async def test_token_session_ends_after_thirty_days(house: Database, alice: User, clock: FrozenClock) -> None:
    pair = await open_token(house, alice)
    clock.advance(timedelta(days=30).total_seconds() - 1)
    pair = await tokens.refresh(house, pair.refresh)

    clock.advance(1)

    with pytest.raises(TokenRejected):
        await tokens.refresh(house, pair.refresh)


async def test_disabling_and_demoting_end_every_session(
    house: Database, alice: User, root: User, authenticator: Authenticator
) -> None:
    actor = Principal(user_id=root.id)
    cookie = await open_cookie(house, alice)
    await authenticator.resolve_cookie(cookie)
    async with house.session() as session:
        await administration.change_role(session, alice.id, Role.admin, actor=actor)
    with pytest.raises(SessionOver):
        await authenticator.resolve_cookie(cookie)

    cookie, pair = await open_cookie(house, alice), await open_token(house, alice)
    assert (await authenticator.resolve_cookie(cookie)).is_admin
    async with house.session() as session:
        await administration.disable(session, alice.id, actor=actor)

    for refused in (authenticator.resolve_cookie(cookie), authenticator.resolve_bearer(pair.access)):
        with pytest.raises(SessionOver):
            await refused
    with pytest.raises(TokenRejected):
        await tokens.refresh(house, pair.refresh)


async def test_no_session_opens_for_an_account_that_changed_since_the_sign_in(
    house: Database, alice: User, root: User
) -> None:
    actor = Principal(user_id=root.id)
    async with house.session() as session:
        await sessions.open_token(session, alice.id, address=ADDRESS, credentials_version=1)
        with pytest.raises(SessionOver):
            await sessions.open_cookie(session, alice.id, address=ADDRESS, credentials_version=0)
        await administration.disable(session, alice.id, actor=actor)
        for user_id in (alice.id, 999):
            with pytest.raises(SessionOver):
                await sessions.open_cookie(session, user_id, address=ADDRESS)
            with pytest.raises(SessionOver):
                await sessions.open_token(session, user_id, address=ADDRESS)


async def test_end_all_spares_the_named_one_and_tells_of_each(
    house: Database, alice: User, root: User, authenticator: Authenticator
) -> None:
    cookies = [await open_cookie(house, alice) for _ in range(3)]
    others = await open_cookie(house, root)
    mine = (await authenticator.resolve_cookie(cookies[0])).session_id

    async with house.session() as session:
        assert await sessions.end_all(session, alice.id, but=mine) == 2

    async with house.reader() as session:
        assert [row.id for row in await sessions.list_open(session, alice.id)] == [mine]
        told = await session.scalars(select(EventRow).where(EventRow.name == SessionEnded.name))
        assert [row.owner_id for row in told] == [alice.id, alice.id]
    await authenticator.resolve_cookie(others)


async def test_ending_twice_is_told_once(house: Database, alice: User) -> None:
    pair = await open_token(house, alice)

    await end(house, pair.session_id)
    await end(house, pair.session_id)

    async with house.reader() as session:
        told = await session.scalars(select(EventRow).where(EventRow.name == SessionEnded.name))
        assert len(list(told)) == 1


async def test_nobody_ends_or_learns_of_anothers_session(house: Database, alice: User, root: User) -> None:
    pair = await open_token(house, alice)
    async with house.session() as session:
        with pytest.raises(NotFound) as foreign:
            await sessions.end(session, pair.session_id, user_id=root.id)
        with pytest.raises(NotFound) as missing:
            await sessions.end(session, "ses_none", user_id=root.id)

    assert str(foreign.value) == str(missing.value)
    async with house.reader() as session:
        assert len(await sessions.list_open(session, alice.id)) == 1


async def test_last_use_is_written_now_and_then_not_with_every_call(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    cookie = await open_cookie(house, alice)
    opened_at = clocks.now()
    clock.advance(30)
    await authenticator.resolve_cookie(cookie)
    await authenticator.flush()

    async def last_used() -> object:
        async with house.reader() as session:
            return (await sessions.list_open(session, alice.id))[0].last_used_at

    assert await last_used() == opened_at
    clock.advance(60)
    await authenticator.resolve_cookie(cookie)
    await authenticator.close()
    assert await last_used() == clocks.now()


async def test_nobody_is_turned_away_because_the_last_use_cannot_be_written(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    class Full(Authenticator):
        async def flush(self) -> None:
            raise OSError("no space left on device")

    full = Full(house)
    cookie = await open_cookie(house, alice)
    clock.advance(120)

    assert (await full.resolve_cookie(cookie)).user_id == alice.id
    await asyncio.sleep(0)
    assert full._flushing is not None
    await full._flushing


async def test_what_a_browser_says_of_itself_is_kept_short_and_printable(
    house: Database, alice: User
) -> None:
    await open_cookie(house, alice, user_agent="Fire\x00fox\r\n\x1b[31m" + "x" * 1000)

    async with house.reader() as session:
        [row] = await sessions.list_open(session, alice.id)
    assert row.user_agent.startswith("Firefox[31mxxx")
    assert len(row.user_agent) == 300


# --- forged and misused access tokens --------------------------------------------------------------


def _claims(**changes: object) -> dict[str, object]:
    now = int(clocks.now().timestamp())
    base = {
        "iss": "botyard",
        "aud": "botyard",
        "sub": "1",
        "sid": "ses_x",
        "jti": "j",
        "iat": now,
        "exp": now + 60,
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def _forge(
    secret: bytes, *, alg: str = "HS256", header: dict[str, object] | None = None, **claims: object
) -> str:
    return jwt.encode(_claims(**claims), secret, alg, headers=header)


@pytest.fixture
def ring(clock: FrozenClock) -> TokenKeys:
    return TokenKeys([SigningKey(b"k" * 32, "kid1")])


KEY = SigningKey(b"k" * 32, "kid1").derive("access-token")
GOOD = {"kid": "kid1", "typ": "at+jwt"}


def test_the_forger_of_these_tests_would_succeed_with_the_key(ring: TokenKeys) -> None:
    assert ring.read(_forge(KEY, header=GOOD)).user_id == 1


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: jwt.encode(_claims(), None, "none", headers=GOOD), id="alg none"),
        pytest.param(
            lambda: jwt.encode(_claims(), None, "none", headers=GOOD) + "AAAA", id="alg none, signed"
        ),
        pytest.param(lambda: _forge(KEY, alg="HS512", header=GOOD), id="another algorithm"),
        pytest.param(lambda: _forge(b"o" * 32, header=GOOD), id="another key"),
        pytest.param(lambda: _forge(b"k" * 32, header=GOOD), id="the key itself, not the derived one"),
        pytest.param(lambda: _forge(KEY, header={"kid": "kid2", "typ": "at+jwt"}), id="unknown kid"),
        pytest.param(
            lambda: _forge(KEY, header={"kid": "../../dev/null", "typ": "at+jwt"}), id="kid traversal"
        ),
        pytest.param(lambda: _forge(KEY, header={"kid": "' OR 1=1", "typ": "at+jwt"}), id="kid injection"),
        pytest.param(lambda: _forge(KEY, header={"typ": "at+jwt"}), id="no kid"),
        pytest.param(lambda: _forge(KEY, header={"kid": "kid1", "typ": "JWT"}), id="typ of another kind"),
        pytest.param(lambda: _forge(KEY, header={"kid": "kid1", "typ": "refresh+jwt"}), id="refresh typ"),
        pytest.param(lambda: _forge(KEY, header=GOOD, aud="other"), id="another audience"),
        pytest.param(lambda: _forge(KEY, header=GOOD, aud=["botyard", "x"]), id="several audiences"),
        pytest.param(lambda: _forge(KEY, header=GOOD, iss="other"), id="another issuer"),
        pytest.param(lambda: _forge(KEY, header=GOOD, exp=int(clocks.now().timestamp())), id="just expired"),
        pytest.param(lambda: _forge(KEY, header=GOOD, exp=10**30), id="absurd expiry"),
        pytest.param(lambda: _forge(KEY, header=GOOD, exp=True), id="expiry that is no number"),
        pytest.param(
            lambda: _forge(KEY, header=GOOD, iat=int(clocks.now().timestamp()) + 90), id="of the future"
        ),
        pytest.param(lambda: _forge(KEY, header=GOOD, sub="one"), id="subject that is no account"),
        pytest.param(lambda: _forge(KEY, header=GOOD, sid=7), id="session that is no text"),
        pytest.param(lambda: _forge(KEY, header=GOOD) + "x" * 5000, id="too long"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: "a.b.c", id="dots"),
        pytest.param(lambda: "\ud800", id="half a character"),
        *[
            pytest.param(lambda name=name: _forge(KEY, header=GOOD, **{name: None}), id=f"without {name}")
            for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")
        ],
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_forged_token_is_refused(ring: TokenKeys, token) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TokenRejected):
        ring.read(token())


async def test_token_for_anothers_session_is_refused(
    house: Database, alice: User, root: User, authenticator: Authenticator
) -> None:
    pair = await open_token(house, alice)
    stolen = house.parts.get(TokenKeys).sign(user_id=root.id, session_id=pair.session_id)

    with pytest.raises(TokenRejected):
        await authenticator.resolve_bearer(stolen)


async def test_token_that_names_a_cookies_session_is_refused(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    principal = await authenticator.resolve_cookie(await open_cookie(house, alice))
    token = house.parts.get(TokenKeys).sign(user_id=alice.id, session_id=principal.session_id)

    with pytest.raises(SessionOver):
        await authenticator.resolve_bearer(token)


def test_tokens_of_a_former_key_are_good_until_it_leaves_the_ring(clock: FrozenClock) -> None:
    old, new = SigningKey(b"o" * 32, "old"), SigningKey(b"n" * 32, "new")
    token = TokenKeys([old]).sign(user_id=1, session_id="ses_x")

    assert TokenKeys([new, old]).read(token).session_id == "ses_x"
    assert jwt.get_unverified_header(TokenKeys([new, old]).sign(user_id=1, session_id="s"))["kid"] == "new"
    with pytest.raises(TokenRejected):
        TokenKeys([new]).read(token)


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenKeys([SigningKey(b"short", "kid")])


def test_lifetime_of_an_access_token_is_an_hour() -> None:
    assert timedelta(hours=1) == token_keys.ACCESS_LIFETIME
