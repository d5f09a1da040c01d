"""What happens outside happens at most once per key, whatever is interrupted."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from botyard.core.jobs import (
    EffectState,
    JobContext,
    JobEngine,
    NotSent,
    Outcome,
    Receipt,
    Refused,
    Verdict,
    effects,
    liveness,
    service,
)
from botyard.core.jobs.errors import EffectBusy, EffectChanged, NoSuchEffect, RunLost, Unsettled
from botyard.core.jobs.liveness import Life
from botyard.core.jobs.runner import Execution
from botyard.kit import clock as clock_module
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Conflict
from tests.core.jobs import work

KEY = "post:17:sandbox"
HASH = effects.fingerprint({"text": "hello"})


class Platform:
    """The other side: what it was sent, how it behaves, what it answers when asked."""

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.asked = 0
        self.problem: BaseException | None = None
        self.knows: Receipt | Verdict = Verdict.unsure
        self.held = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def post(self) -> Receipt:
        self.posts.append("hello")
        self.held.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        return Receipt(f"id{len(self.posts)}", {"likes": 0})

    async def ask(self) -> Receipt | Verdict:
        self.asked += 1
        return self.knows


class House:
    """Makes runs of jobs by hand, so that a test can stop and repeat them where it likes."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.life = Life(fence_s=20)
        self.platform = Platform()

    async def begin(self, job_id: str = "") -> JobContext:
        """Begin a new job, or the same one again as after a crash."""
        async with self.db.session() as session:
            job_id = job_id or await work.add.enqueue(session, first=1)
            claim = await service.begin(session, job_id, run=1, worker_id=self.life.worker_id)
        assert claim is not None
        desk = Execution(self.db, claim, self.life)
        return JobContext(self.db, desk, job_id=job_id, owner_id=1, attempt=claim.attempt)

    async def post(self, ctx: JobContext, **changed: Any) -> Outcome:
        """The effect of these tests."""
        wanted = {"key": KEY, "kind": "post", "account_id": 1, "request_hash": HASH} | changed
        return await effects.once(ctx, call=self.platform.post, reconcile=self.platform.ask, **wanted)

    async def state(self) -> EffectState:
        async with self.db.reader() as session:
            return (await effects.list_effects(session))[0].state

    async def interrupted(self) -> JobContext:
        """A run of a job that dies while the platform is at it, and the run that follows it."""
        ctx = await self.begin()
        self.platform.gate = asyncio.Event()
        task = asyncio.create_task(self.post(ctx))
        await self.platform.held.wait()
        task.cancel()
        await asyncio.wait([task])
        self.platform.gate = None
        return await self.begin(ctx.job_id)


@pytest.fixture
async def house(db: Database, counter: JobEngine) -> House:
    """Runs by hand, and the other side."""
    house = House(db)
    async with db.session() as session:
        await liveness.register(session, house.life.worker_id, alone=False)
    return house


@pytest.fixture
def platform(house: House) -> Platform:
    """The other side."""
    return house.platform


async def test_effect_happens_once_for_its_key_in_whatever_job(house: House, platform: Platform) -> None:
    first = await house.post(await house.begin())
    second = await house.post(await house.begin())

    assert platform.posts == ["hello"]
    assert (first, first.reconciled) == (Outcome(KEY, "id1", {"likes": 0}, reconciled=False), False)
    assert second == first
    async with house.db.session() as session:
        info = await effects.get(session, KEY)
        assert (info.state, info.attempt, info.external_id, info.account_id) == (
            EffectState.done,
            1,
            "id1",
            1,
        )
        assert info.finished_at is not None


async def test_refused_effect_did_not_happen_and_may_be_asked_for_again(
    house: House, platform: Platform
) -> None:
    platform.problem = Refused("The text is too long.")
    with pytest.raises(Refused):
        await house.post(await house.begin())
    assert await house.state() is EffectState.failed

    platform.problem = None
    outcome = await house.post(await house.begin(), request_hash=effects.fingerprint("shorter"))

    assert (outcome.external_id, platform.asked) == ("id2", 0)


async def test_unreachable_platform_is_tried_again_without_asking(house: House, platform: Platform) -> None:
    platform.problem = NotSent()
    with pytest.raises(NotSent):
        await house.post(await house.begin())
    assert await house.state() is EffectState.prepared

    platform.problem = None
    await house.post(await house.begin())

    assert (len(platform.posts), platform.asked) == (2, 0)


@pytest.mark.parametrize("died", [False, True])
async def test_open_end_found_to_have_happened_is_not_repeated(
    house: House, platform: Platform, died: bool
) -> None:
    platform.knows = Receipt("id1", {"seen": True})

    outcome = await house.post(await _after_open_end(house, died=died))

    assert outcome == Outcome(KEY, "id1", {"seen": True}, reconciled=True)
    assert (platform.posts, platform.asked) == (["hello"], 1)
    assert await house.state() is EffectState.done


@pytest.mark.parametrize("died", [False, True])
async def test_open_end_proven_absent_is_sent_again(house: House, platform: Platform, died: bool) -> None:
    platform.knows = Verdict.absent

    outcome = await house.post(await _after_open_end(house, died=died))

    assert (outcome.external_id, len(platform.posts), platform.asked) == ("id2", 2, 1)


@pytest.mark.parametrize("died", [False, True])
async def test_open_end_that_nobody_can_tell_waits_for_a_person(
    house: House, platform: Platform, died: bool
) -> None:
    ctx = await _after_open_end(house, died=died)
    with pytest.raises(Unsettled, match="may have happened"):
        await house.post(ctx)

    assert (await house.state(), platform.posts) == (EffectState.unknown, ["hello"])


async def _after_open_end(house: House, *, died: bool) -> JobContext:
    if died:
        return await house.interrupted()
    house.platform.problem = TimeoutError("no answer")
    with pytest.raises(TimeoutError):
        await house.post(await house.begin())
    assert await house.state() is EffectState.unknown
    house.platform.problem = None
    return await house.begin()


@pytest.mark.parametrize(("happened", "posts"), [(True, 1), (False, 2)])
async def test_person_settles_what_nobody_can_tell(
    house: House, platform: Platform, happened: bool, posts: int
) -> None:
    ctx = await _after_open_end(house, died=False)

    async with house.db.session() as session:
        await effects.settle(session, KEY, happened=happened, external_id="seen")
    await house.post(ctx)

    assert (len(platform.posts), platform.asked) == (posts, 0)
    async with house.db.session() as session:
        with pytest.raises(Conflict):
            await effects.settle(session, KEY, happened=True)
        with pytest.raises(NoSuchEffect):
            await effects.settle(session, "unknown", happened=True)


async def test_person_who_settles_and_a_run_that_looks_do_not_wait_for_each_other(
    db: Database, house: House
) -> None:
    if db.embedded:
        pytest.skip("locks of rows: SQLite has one writer, which waits for nobody's row")
    await _after_open_end(house, died=False)
    async with db.reader() as session:
        job_id = (await effects.list_effects(session))[0].job_id

    async def settle_and_start_again() -> None:
        async with db.session() as session:
            await effects.settle(session, KEY, happened=False)
            await service.get(session, job_id, lock=True)

    async with db.session() as run:
        await service.get(run, job_id, lock=True)
        settling = asyncio.create_task(settle_and_start_again())
        while not await _somebody_waits(db):
            await asyncio.sleep(0)
        await effects.get(run, KEY)

    await settling
    assert await house.state() is EffectState.prepared


async def _somebody_waits(db: Database) -> bool:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity"
    async with db.reader() as session:
        found = await session.scalar(text(f"{waits} WHERE datname = current_database())"))
        return bool(found)


async def test_effect_that_another_live_job_is_sending_is_left_to_it(
    house: House, platform: Platform
) -> None:
    platform.gate = asyncio.Event()
    first = asyncio.create_task(house.post(await house.begin()))
    await platform.held.wait()

    with pytest.raises(EffectBusy):
        await house.post(await house.begin())
    platform.gate.set()

    assert ((await first).external_id, platform.posts) == ("id1", ["hello"])


async def test_other_content_under_a_key_that_was_begun_is_refused(house: House, platform: Platform) -> None:
    await house.post(await house.begin())

    with pytest.raises(EffectChanged):
        await house.post(await house.begin(), request_hash=effects.fingerprint("other"))


async def test_sender_whose_worker_was_declared_dead_is_not_waited_for(
    house: House, platform: Platform
) -> None:
    platform.gate = asyncio.Event()
    frozen = asyncio.create_task(house.post(await house.begin()))
    await platform.held.wait()
    async with house.db.session() as session:
        await liveness.register(session, "second", alone=True)
        house.life.worker_id = "second"
    platform.knows = Receipt("id1")

    assert (await house.post(await house.begin())).reconciled

    platform.gate.set()
    assert (await frozen).external_id == "id1"  # it wakes, and finds the end written down
    assert platform.posts == ["hello"]


async def test_run_that_lost_its_job_begins_no_effect(house: House, platform: Platform) -> None:
    ctx = await house.begin()
    await house.begin(ctx.job_id)

    with pytest.raises(RunLost):
        await house.post(ctx)

    assert platform.posts == []


async def test_process_frozen_just_before_the_call_asks_again_before_it_calls(
    db: Database, house: House, platform: Platform, clock: FrozenClock
) -> None:
    class Freezing(Execution):
        """Frozen for a minute as soon as the intent is committed; meanwhile another run takes the job over."""

        frozen = False

        @property
        def fit(self) -> bool:
            if not self.frozen:
                self.frozen = True
                clock.advance(60)
            return super().fit

        async def until_fit(self) -> None:
            if self.frozen:
                house.life.beaten(clock_module.monotonic())
                await house.begin(self.claim.job_id)
            await super().until_fit()

    house.life = Life(fence_s=20)
    async with db.session() as session:
        await liveness.register(session, house.life.worker_id, alone=False)
    ctx = await house.begin()
    assert isinstance(ctx.desk, Execution)
    ctx.desk = Freezing(db, ctx.desk.claim, house.life)

    with pytest.raises(RunLost):
        await house.post(ctx)

    assert platform.posts == []
    assert await house.state() is EffectState.sending


async def test_cancelling_a_job_leaves_what_it_is_sending_open(
    house: House, platform: Platform, counter: JobEngine
) -> None:
    platform.gate = asyncio.Event()
    ctx = await house.begin()
    task = asyncio.create_task(house.post(ctx))
    await platform.held.wait()

    await counter.cancel(ctx.job_id)
    assert await house.state() is EffectState.unknown

    platform.gate.set()
    assert (await task).external_id == "id1"  # it came to its end after all, which is then known
    assert await house.state() is EffectState.done


async def test_effects_are_listed_newest_first_and_filtered(house: House, clock: FrozenClock) -> None:
    for number, account_id in ((1, 1), (2, 2)):
        clock.advance(1)
        await house.post(await house.begin(), key=f"post:{number}", account_id=account_id)

    async def keys(**filters: Any) -> list[str]:
        async with house.db.reader() as session:
            return [each.key for each in await effects.list_effects(session, **filters)]

    assert await keys() == ["post:2", "post:1"]
    assert await keys(limit=1) == ["post:2"]
    assert await keys(account_id=1) == ["post:1"]
    assert await keys(state=EffectState.unknown) == []


def test_fingerprint_tells_content_apart_but_not_its_order() -> None:
    assert effects.fingerprint({"a": 1, "b": [2]}) == effects.fingerprint({"b": [2], "a": 1})
    assert effects.fingerprint({"a": 1}) != effects.fingerprint({"a": 2})
