"""Trainings that wait for each other."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from botyard.core.accounts.types import Principal
from botyard.core.jobs import JobState, Unrecoverable
from botyard.core.jobs.models import JobRow
from botyard.features.chatbots import artifacts, datasets, labelling, training, training_jobs, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.artifacts import StorageFull
from botyard.features.chatbots.errors import NoSuchModel
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Artifact, Dataset, ModelVersion, TrainingJob
from botyard.features.chatbots.nlu.errors import NotTrainable
from botyard.features.chatbots.nlu.process import TrainedApart, Trainer
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.training import TrainingInfo
from botyard.kit.db import Database, Session
from botyard.settings import Settings
from tests.core.accounts.fixtures import MakeUser, Queue
from tests.features.chatbots.lifecycle.conftest import MakeModel


async def order(session: Session, owner_id: int, times: int = 1) -> list[TrainingInfo]:
    """Trainings of a chatbot of that account."""
    bot = await chatbots.create(session, owner_id=owner_id, name="Harbour")
    examples = [NewExample(text="when are you open", intent="hours")]
    dataset = await datasets.create(session, owner_id=owner_id, name="Desk", examples=examples)
    actor = Principal(user_id=owner_id)
    return [
        await training.start(session, bot.id, dataset.id, owner_id=owner_id, actor=actor)
        for _ in range(times)
    ]


@pytest.mark.usefixtures("queue")
async def test_a_training_says_how_many_of_the_account_s_own_come_first(
    house: Database, make_user: MakeUser
) -> None:
    alice, bob = (await make_user("alice")).id, (await make_user("bob")).id
    async with house.session() as session:
        await order(session, alice, times=5)
        first, second, third = [*await order(session, bob, times=2), *await order(session, bob)]
        rows = [await session.get_one(JobRow, one.job_id) for one in (first, second, third)]
        assert {row.partition for row in rows} == {str(bob)}

        async def notes() -> list[str]:
            found, _ = await training.list_page(session, owner_id=bob, limit=5)
            return [one.note for one in reversed(found)]

        assert await notes() == ["", "Waits for another of your trainings.", "Waits for 2 of your trainings."]
        rows[0].state = JobState.done
        rows[2].state = JobState.running  # it was started again, so it comes before what waits
        await session.flush()
        assert await notes() == ["", "Waits for another of your trainings.", ""]


class Learns(Trainer):
    """Answers a model of so many bytes without learning anything, and keeps what it was to learn from."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self.texts: list[list[str]] = []
        self.broken: Exception | None = None

    async def train(self, *materials: Any, **options: Any) -> TrainedApart:
        self.texts.append([example.text for example in materials[0]])
        if self.broken is not None:
            raise self.broken
        return TrainedApart(model=b"m" * self._size, report={"accuracy": 1.0})


@pytest.mark.usefixtures("queue")
async def test_a_model_that_finds_no_room_fails_its_training_and_a_full_account_orders_none(
    house: Database, make_user: MakeUser
) -> None:
    alice = (await make_user("alice")).id
    house.parts.add(Settings(_env_file=None, chatbot_storage_mb=1))
    house.parts.add(Learns(2**21), kind=Trainer)
    async with house.session() as session:
        (asked,) = await order(session, alice)

    with pytest.raises(Unrecoverable, match="Delete models or chatbots"):
        await training_jobs.train.run_inline(house, training_id=asked.id)

    async with house.reader() as session:
        failed = await training.get(session, asked.id, owner_id=alice)
        assert (failed.state, failed.model_id) == ("failed", None)
        assert "Delete models or chatbots" in failed.error
        room = artifacts.quota(session) - await artifacts.usage(session, alice)
    await artifacts.put(house, alice, b"u" * room)
    async with house.session() as session:
        with pytest.raises(StorageFull):
            await order(session, alice)


@pytest.fixture
def learns(house: Database, queue: Queue) -> Learns:
    """Trainings that bring a model at once."""
    house.parts.add(Settings(_env_file=None))
    trainer = Learns(10)
    house.parts.add(trainer, kind=Trainer)
    return trainer


async def run(house: Database, asked: TrainingInfo) -> None:
    """Run the job of a training as a worker does."""
    await training_jobs.train.run_inline(house, training_id=asked.id)
    await end(house, asked, JobState.done)


async def end(house: Database, asked: TrainingInfo, state: JobState) -> None:
    async with house.session() as session:
        (await session.get_one(JobRow, asked.job_id)).state = state


async def status(house: Database, asked: TrainingInfo, owner_id: int) -> str:
    async with house.reader() as session:
        return (await chatbots.get(session, asked.chatbot_id, owner_id=owner_id)).status


async def cancel(house: Database, asked: TrainingInfo, owner_id: int) -> None:
    async with house.session() as session:
        await training.cancel(session, asked.id, owner_id=owner_id, actor=Principal(user_id=owner_id))


async def again(house: Database, asked: TrainingInfo, owner_id: int) -> TrainingInfo:
    """Another training of the same chatbot on the same dataset."""
    assert asked.dataset_id is not None
    async with house.session() as session:
        return await training.start(
            session,
            asked.chatbot_id,
            asked.dataset_id,
            owner_id=owner_id,
            actor=Principal(user_id=owner_id),
        )


Change = Callable[[Session, str, int], Awaitable[object]]


async def replace(session: Session, dataset_id: str, owner_id: int) -> None:
    await datasets.update(
        session,
        dataset_id,
        owner_id=owner_id,
        language="de",
        examples=[NewExample(text="ganz anders", intent="other")],
    )


async def delete(session: Session, dataset_id: str, owner_id: int) -> None:
    await datasets.delete(session, dataset_id, owner_id=owner_id)


async def rename(session: Session, dataset_id: str, owner_id: int) -> None:
    await labelling.merge_intents(session, dataset_id, ["hours"], owner_id=owner_id, into="other")


@pytest.mark.parametrize("change", [replace, delete, rename])
async def test_a_training_learns_the_examples_as_they_were_when_it_was_ordered(
    house: Database, make_user: MakeUser, learns: Learns, change: Change
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        first, second = await order(session, alice, times=2)
    assert first.dataset_id is not None
    for _ in range(2):
        async with house.session() as session:
            if await session.get(Dataset, first.dataset_id) is not None:
                await change(session, first.dataset_id, alice)

    for asked in (first, second):
        await run(house, asked)

    assert learns.texts == [["when are you open"]] * 2
    async with house.reader() as session:
        found = [await session.get_one(TrainingJob, asked.id) for asked in (first, second)]
        assert [row.state for row in found] == ["completed"] * 2
        assert found[0].snapshot == found[1].snapshot
        model = await session.get_one(ModelVersion, found[0].model_id)
    kept = datasets.read_snapshot(await artifacts.get(house, alice, model.snapshot))
    assert (kept.language, [one.intent for one in kept.examples]) == ("en", ["hours"])


async def test_a_training_ordered_after_a_change_learns_the_change(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (first,) = await order(session, alice)
    assert first.dataset_id is not None
    async with house.session() as session:
        await replace(session, first.dataset_id, alice)
    second = await again(house, first, alice)

    for asked in (first, second):
        await run(house, asked)

    assert learns.texts == [["when are you open"], ["ganz anders"]]


async def test_an_order_copies_nothing_and_only_the_first_change_does(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (asked,) = await order(session, alice)
    assert asked.dataset_id is not None

    async def copies() -> int:
        async with house.reader() as session:
            return int(await session.scalar(sa.select(sa.func.count()).select_from(Artifact)) or 0)

    counts = [await copies()]
    for text in ("one", "two"):
        async with house.session() as session:
            new = [NewExample(text=text, intent="hours")]
            await datasets.add_examples(session, asked.dataset_id, owner_id=alice, examples=new)
        counts.append(await copies())
    assert counts == [0, 1, 1]


async def test_a_dataset_may_be_changed_while_a_training_waits_and_the_account_has_no_room(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    house.parts.add(Settings(_env_file=None, chatbot_storage_mb=1))
    async with house.session() as session:
        (asked,) = await order(session, alice)
        room = artifacts.quota(session)
    await artifacts.put(house, alice, b"u" * room)
    assert asked.dataset_id is not None

    async with house.session() as session:
        await delete(session, asked.dataset_id, alice)

    async with house.reader() as session:
        row = await session.get_one(TrainingJob, asked.id)
        assert await artifacts.is_whole(session, alice, row.snapshot)


async def test_a_training_whose_dataset_is_gone_without_a_copy_fails_at_once(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    """As those that an older version of this server accepted."""
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (asked,) = await order(session, alice)
        await session.execute(sa.delete(Dataset).where(Dataset.id == asked.dataset_id))

    with pytest.raises(Unrecoverable, match="There is no such dataset"):
        await training_jobs.train.run_inline(house, training_id=asked.id)

    await end(house, asked, JobState.failed)
    async with house.reader() as session:
        assert (await training.get(session, asked.id, owner_id=alice)).state == "failed"
    assert await status(house, asked, alice) == "draft"


async def test_a_cancelled_training_leaves_a_trained_chatbot_trained(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (first,) = await order(session, alice)
    await run(house, first)
    second = await again(house, first, alice)
    assert await status(house, first, alice) == "training"

    await cancel(house, second, alice)

    assert await status(house, first, alice) == "trained"
    async with house.reader() as session:
        found, total = await chatbots.list_page(session, owner_id=alice, limit=5, status="trained")
    assert ([one.id for one in found], total) == ([first.chatbot_id], 1)


async def test_a_chatbot_is_in_training_until_none_of_its_trainings_waits_or_runs(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        first, second, third = await order(session, alice, times=3)

    await cancel(house, second, alice)
    assert await status(house, first, alice) == "training"
    await cancel(house, first, alice)
    assert await status(house, first, alice) == "training"
    await cancel(house, third, alice)
    assert await status(house, first, alice) == "draft"


@pytest.mark.parametrize(("others", "then"), [(0, "trained"), (1, "training")])
async def test_a_failed_training_leaves_a_chatbot_what_it_is_without_it(
    house: Database, make_user: MakeUser, learns: Learns, others: int, then: str
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (first,) = await order(session, alice)
    await run(house, first)
    failing, *_ = [await again(house, first, alice) for _ in range(1 + others)]
    learns.broken = NotTrainable()

    with pytest.raises(Unrecoverable):
        await training_jobs.train.run_inline(house, training_id=failing.id)

    assert await status(house, first, alice) == then


@pytest.mark.parametrize(
    ("state", "error", "why"),
    [
        (JobState.cancelled, "", "The training was cancelled."),
        (JobState.failed, "It took too long.", "It took too long."),
        (None, "", "The training's job is gone."),
    ],
)
async def test_a_training_whose_job_ended_without_it_fails_and_frees_its_chatbot(
    house: Database, make_user: MakeUser, learns: Learns, state: JobState | None, error: str, why: str
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        asked, waiting = await order(session, alice, times=2)
        other = await order(session, alice)
    async with house.session() as session:
        (await session.get_one(TrainingJob, asked.id)).state = "running"
        row = await session.get_one(JobRow, asked.job_id)
        if state is None:
            await session.delete(row)
        else:
            row.state, row.error = state, error

    assert await training_jobs.settle_trainings.run_inline(house) == 1
    assert await training_jobs.settle_trainings.run_inline(house) == 0

    async with house.reader() as session:
        failed = await training.get(session, asked.id, owner_id=alice)
        row = await session.get_one(TrainingJob, asked.id)
        states = [(await session.get_one(TrainingJob, one.id)).state for one in (waiting, *other)]
    assert (failed.state, failed.error, row.state, row.completed_at is not None) == (
        "failed",
        why,
        "failed",
        True,
    )
    assert states == ["queued", "queued"]
    await cancel(house, waiting, alice)
    assert await status(house, asked, alice) == "draft"


async def test_a_finished_training_leaves_a_chatbot_in_training_while_another_waits(
    house: Database, make_user: MakeUser, learns: Learns
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        first, second = await order(session, alice, times=2)

    await run(house, first)
    assert await status(house, first, alice) == "training"
    await run(house, second)
    assert await status(house, first, alice) == "trained"


@pytest.mark.usefixtures("learns")
async def test_a_deployed_chatbot_stays_deployed_when_its_training_is_cancelled(
    house: Database, make_user: MakeUser
) -> None:
    alice = (await make_user("alice")).id
    async with house.session() as session:
        (asked,) = await order(session, alice)
        (await chatbots.hold(session, asked.chatbot_id)).status = "deployed"

    await cancel(house, asked, alice)

    assert await status(house, asked, alice) == "deployed"


async def test_old_models_that_are_in_no_version_are_let_go(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    models = [await make_model() for _ in range(13)]
    async with house.session() as session:
        await versions.freeze(
            session, chatbot.id, owner_id=chatbot.owner_id, model_id=models[1].id, by=chatbot.owner_id
        )
        assert await versions.let_go_models(session, chatbot.id) == 2
        assert await versions.let_go_models(session, chatbot.id) == 0

        left = [model.number for model in await versions.list_models(session, chatbot.id)]
        assert left == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 2]
        with pytest.raises(NoSuchModel):
            await versions.get_model(session, models[0].id, chatbot_id=chatbot.id)
        assert await session.get(ModelVersion, models[1].id) is not None
