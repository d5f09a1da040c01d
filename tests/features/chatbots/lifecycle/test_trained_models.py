"""A model is deleted by hand, with its files, where no version needs it."""

from typing import Any

import pytest
import sqlalchemy as sa

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.jobs import JobState
from botyard.core.jobs.models import JobRow
from botyard.features.chatbots import artifact_jobs, artifacts, deployments, trained_models, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.artifacts import ArtifactMissing
from botyard.features.chatbots.errors import ModelNeeded, NoSuchChatbot, NoSuchModel
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from botyard.features.chatbots.nlu.process import Trainer
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.trained_models import Deleted
from botyard.features.chatbots.training import TrainingInfo
from botyard.features.chatbots.training import get as get_training
from botyard.features.chatbots.training_jobs import train
from botyard.kit.db import Database
from botyard.settings import Settings
from tests.core.accounts.fixtures import MakeUser
from tests.features.chatbots.lifecycle.conftest import MakeModel
from tests.features.chatbots.lifecycle.test_trainings import Learns, order

pytestmark = pytest.mark.usefixtures("queue")

SIZE = 600_000  # of a model: three parts


@pytest.fixture
def learning(house: Database) -> None:
    """Trainings bring a model at once."""
    house.parts.add(Settings(_env_file=None))
    house.parts.add(Learns(SIZE), kind=Trainer)


async def trained(house: Database, owner_id: int) -> TrainingInfo:
    """A training of a new chatbot that has ended."""
    async with house.session() as session:
        (asked,) = await order(session, owner_id)
    await train.run_inline(house, training_id=asked.id)
    await finish(house, asked)
    async with house.reader() as session:
        return await get_training(session, asked.id, owner_id=owner_id)


async def finish(house: Database, asked: TrainingInfo, state: JobState = JobState.done) -> None:
    async with house.session() as session:
        await session.execute(sa.update(JobRow).where(JobRow.id == asked.job_id).values(state=state))


async def delete(house: Database, chatbot_id: str, model_id: str | None, owner_id: int) -> Deleted:
    assert model_id is not None
    async with house.session() as session:
        actor = Principal(user_id=owner_id)
        return await trained_models.delete(session, chatbot_id, model_id, owner_id=owner_id, actor=actor)


async def usage(house: Database, owner_id: int) -> int:
    async with house.reader() as session:
        return await artifacts.usage(session, owner_id)


async def remove_files(house: Database) -> list[int]:
    """Carry out what was asked of the job that removes files."""
    async with house.reader() as session:
        asked = await session.scalars(sa.select(JobRow.args).where(JobRow.name == "chatbots.remove_files"))
    return [await artifact_jobs.remove_files.run_inline(house, **arguments) for arguments in asked]


@pytest.mark.usefixtures("learning")
async def test_a_deleted_model_gives_its_room_back_and_its_files_go(
    house: Database, make_user: MakeUser
) -> None:
    alice = (await make_user("alice")).id
    made = await trained(house, alice)
    async with house.reader() as session:
        model = await session.get_one(ModelVersion, made.model_id)
    kept = await usage(house, alice)
    assert kept > SIZE

    gone = await delete(house, made.chatbot_id, made.model_id, alice)

    assert (gone.number, gone.freed, await usage(house, alice)) == (1, kept, 0)
    assert await remove_files(house) == [3]
    for digest in (model.snapshot, model.artifact, model.report):
        with pytest.raises(ArtifactMissing):
            await artifacts.get(house, alice, digest)
    async with house.reader() as session:
        left = await get_training(session, made.id, owner_id=alice)
        assert (left.state, left.model_id) == ("completed", None)
        chatbot = await chatbots.get(session, made.chatbot_id, owner_id=alice)
        assert chatbot.status == "draft"
        entries = await audit.list_entries(session, action="chatbot.model_deleted")
        assert [(entry.target, entry.actor_user_id) for entry in entries] == [
            (f"bot:{made.chatbot_id}", alice)
        ]


@pytest.mark.usefixtures("learning")
async def test_files_that_another_model_has_as_well_stay(house: Database, make_user: MakeUser) -> None:
    alice = (await make_user("alice")).id
    one, other = await trained(house, alice), await trained(house, alice)  # both learn the same bytes
    kept = await usage(house, alice)

    gone = await delete(house, one.chatbot_id, one.model_id, alice)

    assert (gone.freed, await usage(house, alice), await remove_files(house)) == (0, kept, [0])
    async with house.reader() as session:
        model = await session.get_one(ModelVersion, other.model_id)
    assert len(await artifacts.get(house, alice, model.artifact)) == SIZE


@pytest.mark.usefixtures("learning")
@pytest.mark.parametrize(
    ("begun", "job", "stay"),
    [
        ("running", JobState.running, True),
        ("running", JobState.queued, True),  # it is to be tried again
        ("queued", JobState.queued, False),
        ("running", JobState.failed, False),  # its worker died
    ],
)
async def test_files_stay_while_a_training_that_may_use_the_same_runs(
    house: Database, make_user: MakeUser, begun: str, job: JobState, stay: bool
) -> None:
    alice = (await make_user("alice")).id
    made = await trained(house, alice)
    async with house.session() as session:
        (asked,) = await order(session, alice)
        (await session.get_one(TrainingJob, asked.id)).state = begun
    await finish(house, asked, job)
    kept = await usage(house, alice)

    gone = await delete(house, made.chatbot_id, made.model_id, alice)

    assert (gone.freed, await usage(house, alice)) == ((0, kept) if stay else (kept, 0))
    assert await remove_files(house) == ([] if stay else [3])


async def test_a_model_in_a_version_stays_and_the_refusal_names_who_needs_it(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    one, two, three = [await make_model() for _ in range(3)]
    owner_id, actor = chatbot.owner_id, Principal(user_id=chatbot.owner_id)
    async with house.session() as session:
        for model in (one, two):
            frozen = await versions.freeze(
                session, chatbot.id, owner_id=owner_id, model_id=model.id, by=owner_id
            )
            for environment in ("production", "staging"):
                await deployments.deploy(
                    session,
                    chatbot.id,
                    owner_id=owner_id,
                    actor=actor,
                    version_id=frozen.id,
                    environment=environment,
                )
        log = await deployments.list_log(session, chatbot.id)

    with pytest.raises(ModelNeeded, match=r"^Model 1 is part of version 1, and versions keep their models"):
        await delete(house, chatbot.id, one.id, owner_id)
    with pytest.raises(ModelNeeded, match="version 2, which answers in production and staging, and"):
        await delete(house, chatbot.id, two.id, owner_id)
    await delete(house, chatbot.id, three.id, owner_id)

    async with house.reader() as session:
        assert [model.number for model in await versions.list_models(session, chatbot.id)] == [2, 1]
        assert await trained_models.versions_of(session, chatbot.id) == {one.id: [1], two.id: [2]}
        assert await deployments.list_log(session, chatbot.id) == log


async def test_another_account_s_model_or_another_chatbot_s_is_absent(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel, make_user: MakeUser
) -> None:
    model, bob = await make_model(), await make_user("bob")
    async with house.session() as session:
        other = await chatbots.create(session, owner_id=chatbot.owner_id, name="Other")

    with pytest.raises(NoSuchChatbot):
        await delete(house, chatbot.id, model.id, bob.id)
    with pytest.raises(NoSuchModel):
        await delete(house, other.id, model.id, chatbot.owner_id)
    async with house.reader() as session:
        assert await session.get(ModelVersion, model.id) is not None


@pytest.mark.usefixtures("learning")
async def test_the_number_of_a_deleted_model_is_not_given_again(house: Database, make_user: MakeUser) -> None:
    alice = (await make_user("alice")).id
    made = await trained(house, alice)
    await delete(house, made.chatbot_id, made.model_id, alice)

    async with house.session() as session:
        await chatbots.hold(session, made.chatbot_id)
        assert await versions.next_model_number(session, made.chatbot_id) == 2


async def test_a_chatbot_that_has_other_models_or_is_deployed_keeps_its_state(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    one, two = [await make_model() for _ in range(2)]

    async def state_after(model: Any, before: str) -> str:
        async with house.session() as session:
            (await chatbots.hold(session, chatbot.id)).status = before
        await delete(house, chatbot.id, model.id, chatbot.owner_id)
        async with house.reader() as session:
            return (await chatbots.get(session, chatbot.id, owner_id=chatbot.owner_id)).status

    assert await state_after(two, "trained") == "trained"
    assert await state_after(one, "deployed") == "deployed"
