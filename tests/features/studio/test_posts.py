"""Posts leave at most once, whatever fails; what is open waits for a person."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.jobs import JobEngine, JobInfo, JobState
from botyard.core.jobs.models import JobRow
from botyard.features.studio import posts, spend
from botyard.features.studio.calls import Line
from botyard.features.studio.errors import PlatformOff, SpendCapReached
from botyard.features.studio.posts import PostInfo
from botyard.kit.clock import FrozenClock, use
from botyard.kit.db import Database
from botyard.kit.errors import Conflict, Invalid, NotFound
from botyard.settings import Settings
from tests.core.jobs.conftest import QUICK
from tests.core.jobs.work import Watch
from tests.features.studio.conftest import MakeLine
from tests.features.studio.fake_x import FakeX

INTENT = "intent-0001"
HELLO = "Good morning"


class Desk:
    """Asks for posts of one bot and waits until they ended."""

    def __init__(self, line: Line, engine: JobEngine, watch: Watch, actor: Principal) -> None:
        self.line, self.engine, self.watch, self.actor = line, engine, watch, actor

    async def ask(self, text: str = HELLO, intent: str = INTENT, **more: Any) -> str:
        async with self.line.db.session() as session:
            return await posts.ask(session, self.line.bot, text=text, intent=intent, actor=self.actor, **more)

    async def post(self, text: str = HELLO, intent: str = INTENT, **more: Any) -> JobInfo:
        return await self.ended(await self.ask(text, intent, **more))

    async def ended(self, job_id: str) -> JobInfo:
        found = await self.watch.ended(self.engine, job_id)
        self.watch.events.clear()
        return found

    async def take_back(self, post_id: str) -> JobInfo:
        async with self.line.db.session() as session:
            job_id = await posts.take_back(session, self.line.bot, post_id, actor=self.actor)
        return await self.ended(job_id)

    async def settle(self, *, happened: bool, link: str = "") -> JobInfo:
        (post,) = await self.all()
        async with self.line.db.session() as session:
            await posts.settle(session, self.line.bot, INTENT, happened=happened, link=link, actor=self.actor)
        return await self.ended(post.job_id)

    async def all(self) -> list[PostInfo]:
        async with self.line.db.reader() as session:
            return await posts.list_posts(session, self.line.bot)

    async def cancel(self, intent: str) -> None:
        async with self.line.db.session() as session:
            await posts.cancel(session, self.line.bot, intent, actor=self.actor)

    async def until(self, fits: Callable[[PostInfo], bool]) -> None:
        """Wait until one of the posts is so."""
        async with asyncio.timeout(20):
            while not any(fits(post) for post in await self.all()):
                await asyncio.sleep(0.02)

    async def spent(self) -> Decimal:
        async with self.line.db.reader() as session:
            return (await spend.month_summary(session, "x")).spent_usd


@pytest.fixture
async def desk(studio: Database, make_line: MakeLine, alice: User) -> AsyncIterator[Desk]:
    line, watch = await make_line(), Watch(studio)
    engine = JobEngine(studio, timing=QUICK)
    await engine.start()
    yield Desk(line, engine, watch, Principal(user_id=alice.id))
    await engine.stop(grace_s=0)


def price(desk: Desk, *names: str) -> Decimal:
    return sum((desk.line.platform.prices[name].usd for name in names), Decimal(0))


async def test_a_post_appears_and_says_where(desk: Desk, some_x: FakeX) -> None:
    job = await desk.post(made_with_ai=True)

    (post,) = await desk.all()
    assert (job.state, some_x.made()) == (JobState.done, [HELLO])
    assert some_x.bodies == [{"text": HELLO, "made_with_ai": True}]
    assert (post.state, post.text, post.post_id) == ("published", HELLO, next(iter(some_x.posts)))
    assert post.url == f"https://x.com/i/status/{post.post_id}"
    assert await desk.spent() == price(desk, "post")


async def test_one_wish_is_one_post_however_often_it_is_sent(desk: Desk, some_x: FakeX) -> None:
    first = await desk.post()
    second = await desk.ask()

    assert second == first.id
    assert some_x.calls == ["POST /2/tweets"]


async def test_a_post_with_an_address_costs_more(desk: Desk) -> None:
    await desk.post("Look: https://example.com")

    assert await desk.spent() == price(desk, "post_with_url") == Decimal("0.200")


async def test_a_refused_post_is_not_repeated(desk: Desk, some_x: FakeX) -> None:
    await desk.post(intent="intent-first")

    job = await desk.post(intent="intent-again")

    assert (job.state, job.failures) == (JobState.failed, 1)
    assert "duplicate content" in job.error
    assert [post.state for post in await desk.all()] == ["refused", "published"]
    assert some_x.calls == ["POST /2/tweets"] * 2


@pytest.mark.parametrize("fault", ["made_then_cut", "made_then_broken"])
async def test_a_post_without_an_answer_is_looked_for_and_not_repeated(
    desk: Desk, some_x: FakeX, fault: str
) -> None:
    some_x.fail(fault)

    job = await desk.post()

    (post,) = await desk.all()
    assert job.state is JobState.done
    assert job.result["reconciled"] is True
    assert some_x.made() == [HELLO]
    assert some_x.calls == ["POST /2/tweets", "GET /2/users/me", "GET /2/users/42/tweets"]
    assert (post.state, post.post_id) == ("published", next(iter(some_x.posts)))
    assert await desk.spent() == price(desk, "post", "lookup")


@pytest.mark.parametrize("fault", ["cut", "broken", "made_then_cut"])
async def test_what_nobody_can_tell_waits_for_a_person(desk: Desk, some_x: FakeX, fault: str) -> None:
    some_x.hidden = True
    some_x.fail(fault)

    job = await desk.post()

    (post,) = await desk.all()
    assert (job.state, post.state, post.text) == (JobState.failed, "unknown", HELLO)
    assert some_x.calls.count("POST /2/tweets") == 1


async def test_a_person_says_it_is_there(desk: Desk, some_x: FakeX) -> None:
    some_x.hidden = True
    some_x.fail("made_then_cut")
    await desk.post()

    job = await desk.settle(happened=True, link="https://x.com/harbour_bot/status/1900000000000000000")

    (post,) = await desk.all()
    assert (job.state, post.state, post.text) == (JobState.done, "published", HELLO)
    assert (post.post_id, some_x.made()) == ("1900000000000000000", [HELLO])


async def test_a_person_says_it_is_not_there_and_it_is_sent(desk: Desk, some_x: FakeX) -> None:
    some_x.hidden = True
    some_x.fail("broken")
    await desk.post()

    job = await desk.settle(happened=False)

    assert (job.state, some_x.made()) == (JobState.done, [HELLO])


async def test_only_what_is_open_can_be_settled_and_a_link_holds_a_number(desk: Desk, some_x: FakeX) -> None:
    await desk.post()
    with pytest.raises(Conflict):
        await desk.settle(happened=True, link="1")
    with pytest.raises(Invalid):
        await desk.settle(happened=True, link="https://x.com/harbour_bot")
    async with desk.line.db.session() as session:
        with pytest.raises(NotFound):
            await posts.settle(session, desk.line.bot, "unknown-intent", happened=False, actor=desk.actor)


async def test_a_limit_is_waited_for_and_costs_nothing(desk: Desk, some_x: FakeX) -> None:
    some_x.fail("limited", "limited")

    job = await desk.post()

    assert (job.state, job.failures) == (JobState.done, 0)
    assert some_x.calls == ["POST /2/tweets"] * 3
    assert await desk.spent() == price(desk, "post")


async def test_credentials_that_died_stop_the_post(desk: Desk, some_x: FakeX) -> None:
    some_x.fail("suspended")

    job = await desk.post()

    assert (job.state, job.failures, some_x.made()) == (JobState.failed, 1, [])
    assert "suspended" in job.error


async def test_a_post_beyond_the_cap_is_refused_and_goes_after_the_cap_was_raised(
    desk: Desk, some_x: FakeX, settings: Settings
) -> None:
    async with desk.line.db.session() as session:
        job_id = await posts.ask(session, desk.line.bot, text=HELLO, intent=INTENT, actor=desk.actor)
        settings.x_monthly_cap_usd = Decimal("0.01")  # while it waits
    job = await desk.ended(job_id)
    assert (job.state, some_x.calls) == (JobState.failed, [])
    assert "x_monthly_cap_usd" in job.error
    assert [post.state for post in await desk.all()] == ["refused"]

    settings.x_monthly_cap_usd = Decimal(1)
    await desk.engine.retry(job.id)

    assert (await desk.ended(job.id)).state is JobState.done
    assert some_x.made() == [HELLO]


async def test_a_post_or_deletion_that_the_cap_forbids_is_refused_at_once(
    desk: Desk, some_x: FakeX, settings: Settings
) -> None:
    job = await desk.post()
    (post,) = await desk.all()
    settings.x_monthly_cap_usd = await desk.spent() + price(desk, "post")

    with pytest.raises(SpendCapReached, match=r"0\.20 USD"):
        await desk.ask("Look: https://example.com", "intent-dear")
    settings.x_monthly_cap_usd = await desk.spent()
    with pytest.raises(SpendCapReached):
        await desk.take_back(post.post_id)

    assert await desk.ask() == job.id  # the same wish again is no new post
    assert await desk.all() == [post]
    assert some_x.calls == ["POST /2/tweets"]


async def test_a_post_behind_another_shows_its_text_and_what_it_waits_for_and_can_be_cancelled(
    desk: Desk, some_x: FakeX
) -> None:
    some_x.fail("hang")
    await desk.ask()
    async with asyncio.timeout(20):
        await some_x.arrived.wait()
    job_id = await desk.ask("Good evening", "intent-0002")

    second, first = await desk.all()
    assert (first.text, first.state, first.behind) == (HELLO, "sending", False)
    assert (second.text, second.state, second.behind) == ("Good evening", "waiting", True)
    assert second.job_id == job_id
    for _ in range(2):
        await desk.cancel("intent-0002")
    with pytest.raises(Conflict, match="begun to be sent"):
        await desk.cancel(INTENT)
    with pytest.raises(NotFound):
        await desk.cancel("intent-0003")

    second, first = await desk.all()
    assert (first.state, second.state) == ("sending", "refused")
    assert (second.text, second.error) == ("Good evening", "Cancelled before it was sent.")
    assert some_x.calls == ["POST /2/tweets"]


class Standstill(FrozenClock):
    """A clock on which a long wait does not end."""

    async def sleep(self, seconds: float) -> None:
        if seconds > 60:
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_a_post_that_waits_for_a_limit_says_until_when_and_can_be_cancelled(
    desk: Desk, some_x: FakeX, clock: FrozenClock
) -> None:
    with use(Standstill(clock.now())):
        some_x.fail("limited")
        job_id = await desk.ask()
        await desk.until(lambda post: bool(post.error))

        (post,) = await desk.all()
        assert (post.state, post.text, post.behind) == ("waiting", HELLO, False)
        assert "no more calls until 2026-06-01 12:15 UTC" in post.error
        await desk.cancel(INTENT)
        await desk.ended(job_id)

    (post,) = await desk.all()
    assert (post.state, post.error) == ("refused", "Cancelled before it was sent.")
    assert some_x.calls == ["POST /2/tweets"]


async def test_a_post_whose_job_was_cleared_away_does_not_wait_for_ever(
    desk: Desk, some_x: FakeX, clock: FrozenClock
) -> None:
    with use(Standstill(clock.now())):
        some_x.fail("limited")
        job_id = await desk.ask()
        await desk.until(lambda post: bool(post.error))
        await desk.cancel(INTENT)
        await desk.ended(job_id)
    async with desk.line.db.session() as session:
        await session.execute(delete(JobRow).where(JobRow.id == job_id))

    (post,) = await desk.all()
    assert (post.state, post.job_id, post.error) == ("refused", "", "Its job ended before it was sent.")


async def test_nothing_is_asked_for_that_x_would_not_take(
    desk: Desk, some_x: FakeX, settings: Settings
) -> None:
    for text in ("", "a" * 281, "海" * 141):
        with pytest.raises(Invalid):
            await desk.ask(text)
    with pytest.raises(Invalid):
        await desk.ask(intent="../other")
    settings.x_enabled = False
    with pytest.raises(PlatformOff):
        await desk.ask()

    assert (some_x.calls, await desk.all()) == ([], [])


async def test_switching_it_off_stops_what_waits(desk: Desk, some_x: FakeX, settings: Settings) -> None:
    async with desk.line.db.session() as session:
        job_id = await posts.ask(session, desk.line.bot, text=HELLO, intent=INTENT, actor=desk.actor)
        settings.x_enabled = False

    job = await desk.ended(job_id)

    assert (job.state, some_x.calls) == (JobState.failed, [])
    assert "x_enabled" in job.error


async def test_a_post_is_taken_back_once(desk: Desk, some_x: FakeX) -> None:
    await desk.post()
    (post,) = await desk.all()

    first, second = await desk.take_back(post.post_id), None
    async with desk.line.db.session() as session:
        second = await posts.take_back(session, desk.line.bot, post.post_id, actor=desk.actor)

    assert (first.state, second) == (JobState.done, first.id)
    assert some_x.posts == {}
    assert [each.state for each in await desk.all()] == ["deleted"]
    assert some_x.calls == ["POST /2/tweets", f"DELETE /2/tweets/{post.post_id}"]


@pytest.mark.parametrize("fault", ["made_then_cut", "cut"])
async def test_a_deletion_without_an_answer_looks_whether_the_post_is_there(
    desk: Desk, some_x: FakeX, fault: str
) -> None:
    await desk.post()
    (post,) = await desk.all()
    some_x.fail(fault)

    job = await desk.take_back(post.post_id)

    assert (job.state, some_x.posts) == (JobState.done, {})
    assert some_x.calls.count(f"DELETE /2/tweets/{post.post_id}") == (1 if fault == "made_then_cut" else 2)


async def test_a_deletion_that_failed_can_be_asked_for_again(desk: Desk, some_x: FakeX) -> None:
    await desk.post()
    (post,) = await desk.all()
    some_x.fail("suspended")
    assert (await desk.take_back(post.post_id)).state is JobState.failed
    assert [each.state for each in await desk.all()] == ["published"]

    assert (await desk.take_back(post.post_id)).state is JobState.done


async def test_only_posts_of_the_bot_itself_can_be_taken_back(
    desk: Desk, make_line: MakeLine, some_x: FakeX
) -> None:
    await desk.post()
    (post,) = await desk.all()
    other = await make_line(name="Market")

    async with desk.line.db.session() as session:
        with pytest.raises(NotFound):
            await posts.take_back(session, other.bot, post.post_id, actor=desk.actor)
        assert await posts.list_posts(session, other.bot) == []


async def test_a_bot_that_is_deleted_posts_nothing_any_more(desk: Desk, some_x: FakeX) -> None:
    async with desk.line.db.session() as session:
        job_id = await posts.ask(session, desk.line.bot, text=HELLO, intent=INTENT, actor=desk.actor)
        bot = await bots.get(session, desk.line.bot.id, kind=desk.line.bot.kind, owner_id=None)
        await bots.delete(session, bot, actor=desk.actor)

    job = await desk.ended(job_id)

    assert (job.state, some_x.calls) == (JobState.failed, [])
    assert "deleted" in job.error


async def test_an_engine_that_stops_in_the_middle_leaves_one_post(
    desk: Desk, studio: Database, some_x: FakeX
) -> None:
    some_x.fail("hang")
    job_id = await desk.ask()
    async with asyncio.timeout(20):
        await some_x.arrived.wait()
    await desk.engine.stop(grace_s=0)
    some_x.posts["7"] = {"id": "7", "text": HELLO, "at": (await desk.all())[0].at}  # X went on by itself

    desk.engine = JobEngine(studio, timing=QUICK)
    await desk.engine.start()
    try:
        job = await desk.ended(job_id)
    finally:
        await desk.engine.stop(grace_s=0)

    assert (job.state, job.result["post_id"]) == (JobState.done, "7")
    assert some_x.calls.count("POST /2/tweets") == 1
