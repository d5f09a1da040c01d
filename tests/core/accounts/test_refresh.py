"""Refresh tokens: good once, forgiving for a moment, fatal for the session when two parties hold one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from anyio import from_thread, to_thread
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, update

from botyard.core import audit
from botyard.core.accounts import sessions, tokens
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.errors import SessionOver, TokenRejected
from botyard.core.accounts.models import RefreshToken, User, UserSession
from botyard.core.accounts.token_keys import TokenKeys
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.keys import SigningKey
from tests.core.accounts.people import ADDRESS

GRACE_S = tokens.GRACE.total_seconds()


async def open_token(db: Database, user: User) -> tokens.TokenPair:
    async with db.session() as session:
        return await sessions.open_token(session, user.id, address=ADDRESS)


async def is_open(db: Database, session_id: str) -> bool:
    async with db.reader() as session:
        return (await session.get_one(UserSession, session_id)).ended_at is None


async def test_refreshing_gives_a_new_pair_of_the_same_session(
    house: Database, alice: User, authenticator: Authenticator
) -> None:
    first = await open_token(house, alice)

    second = await tokens.refresh(house, first.refresh)

    assert second.session_id == first.session_id
    assert {second.access, second.refresh}.isdisjoint({first.access, first.refresh})
    assert (await authenticator.resolve_bearer(second.access)).user_id == alice.id


async def test_racing_clients_all_get_the_same_successor(house: Database, alice: User) -> None:
    first = await open_token(house, alice)

    pairs = await asyncio.gather(*(tokens.refresh(house, first.refresh) for _ in range(8)))

    assert len({pair.refresh for pair in pairs}) == 1
    async with house.reader() as session:
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 2


async def test_reuse_ends_the_session_for_thief_and_owner_and_is_audited(
    house: Database, alice: User, clock: FrozenClock, authenticator: Authenticator
) -> None:
    stolen = await open_token(house, alice)
    owner = await tokens.refresh(house, stolen.refresh)
    await authenticator.resolve_bearer(owner.access)
    clock.advance(GRACE_S + 1)

    with pytest.raises(TokenRejected):
        await tokens.refresh(house, stolen.refresh, address="203.0.113.5")

    with pytest.raises(SessionOver):
        await authenticator.resolve_bearer(owner.access)
    with pytest.raises(TokenRejected):
        await tokens.refresh(house, owner.refresh)
    async with house.reader() as session:
        [entry] = await audit.list_entries(session, action="account.refresh_token_reused")
    assert (entry.actor_user_id, entry.address) == (alice.id, "203.0.113.5")


SPOILT: list[Callable[[str], str]] = [
    lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
    lambda token: token.partition(".")[0],
    lambda token: token.partition(".")[0] + ".",
    lambda token: token + " ",
    lambda token: token.upper(),
    lambda token: token.replace("rt_", "rt_0"),
    lambda _: "",
    lambda _: ".",
    lambda _: "\x00.\x00",
    lambda _: "\ud800.x",
    lambda _: "x" * 100_000,
]


async def test_wrong_secret_is_refused_and_burns_nothing(house: Database, alice: User) -> None:
    pair = await open_token(house, alice)

    for spoil in SPOILT:
        with pytest.raises(TokenRejected):
            await tokens.refresh(house, spoil(pair.refresh))

    assert (await tokens.refresh(house, pair.refresh)).session_id == pair.session_id


async def test_disabled_account_refreshes_nothing_even_if_its_session_was_left_open(
    house: Database, alice: User
) -> None:
    pair = await open_token(house, alice)
    async with house.session() as session:
        await session.execute(update(User).where(User.id == alice.id).values(is_active=False))

    with pytest.raises(TokenRejected):
        await tokens.refresh(house, pair.refresh)


async def test_spent_token_does_not_yield_its_successor_without_the_servers_key(
    house: Database, alice: User
) -> None:
    first = await open_token(house, alice)
    second = await tokens.refresh(house, first.refresh)
    successor_id, _, secret = second.refresh.partition(".")
    guesser = TokenKeys([SigningKey(b"g" * 32, "guess")])

    assert secret not in guesser.successor_secrets(first.refresh.partition(".")[2], successor_id)


async def test_grace_outlives_a_change_of_the_signing_key(house: Database, alice: User) -> None:
    old, new = SigningKey(b"o" * 32, "old"), SigningKey(b"n" * 32, "new")
    house.parts.add(TokenKeys([old]))
    first = await open_token(house, alice)
    second = await tokens.refresh(house, first.refresh)

    house.parts.add(TokenKeys([new, old]))
    assert (await tokens.refresh(house, first.refresh)).refresh == second.refresh

    house.parts.add(TokenKeys([new]))
    with pytest.raises(TokenRejected):
        await tokens.refresh(house, first.refresh)
    assert await is_open(house, first.session_id)


class Family(RuleBasedStateMachine):
    """One session, its chain of tokens, and everybody who ever saw one of them."""

    house: Database
    alice: User
    clock: FrozenClock

    def __init__(self) -> None:
        super().__init__()
        first = self.call(open_token, self.house, self.alice)
        self.session_id = first.session_id
        self.chain = [first.refresh]
        self.spent_at: dict[str, float] = {}
        self.over = False

    def call(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        return from_thread.run(function, *arguments)

    def refresh(self, token: str) -> str | None:
        try:
            return str(self.call(tokens.refresh, self.house, token).refresh)
        except TokenRejected:
            return None

    @rule(seconds=st.sampled_from([0.5, 5, 20, 21, 3600]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def the_newest_is_refreshed(self) -> None:
        token, now = self.chain[-1], self.clock.monotonic()
        successor = self.refresh(token)
        if self.over:
            assert successor is None
        else:
            assert successor not in (None, *self.chain)
            self.spent_at[token] = now
            self.chain.append(str(successor))

    @rule(pick=st.randoms(use_true_random=False))
    def a_spent_one_comes_again(self, pick: Any) -> None:
        if len(self.chain) == 1:
            return
        place = pick.randrange(len(self.chain) - 1)
        token = self.chain[place]
        late = self.clock.monotonic() - self.spent_at[token] > GRACE_S
        successor = self.refresh(token)
        if self.over or late:
            assert successor is None
            self.over = True
        else:
            assert successor == self.chain[place + 1]

    @rule(pick=st.randoms(use_true_random=False))
    def somebody_guesses(self, pick: Any) -> None:
        token_id = pick.choice(self.chain).partition(".")[0]
        assert self.refresh(f"{token_id}.{'0' * 64}") is None

    @invariant()
    def the_session_is_open_until_a_late_reuse(self) -> None:
        assert self.call(is_open, self.house, self.session_id) is not self.over


async def test_whatever_order_tokens_come_in_the_family_keeps_its_rules(
    house: Database, alice: User, clock: FrozenClock
) -> None:
    Family.house, Family.alice, Family.clock = house, alice, clock
    rules = settings(max_examples=20, stateful_step_count=15, deadline=None, database=None)
    await to_thread.run_sync(lambda: run_state_machine_as_test(Family, settings=rules))
