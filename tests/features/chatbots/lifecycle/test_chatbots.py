"""Chatbots and their drafts."""

import pytest

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.features.chatbots import beginnings, datasets, training
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.errors import EditedMeanwhile, NoSuchChatbot, NothingToTrain
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from tests.core.accounts.fixtures import MakeUser


async def test_absent_fields_stay_as_they_are(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        owner_id = chatbot.owner_id
        await chatbots.update(session, chatbot.id, owner_id=owner_id, description="Answers at night")
        changed = await chatbots.update(session, chatbot.id, owner_id=owner_id, type="rule")
    assert (changed.name, changed.description, changed.type) == ("Harbour", "Answers at night", "rule")


async def test_another_account_s_chatbot_is_absent(
    house: Database, chatbot: ChatbotInfo, make_user: MakeUser
) -> None:
    bob = await make_user("bob")
    async with house.session() as session:
        for attempt in (
            chatbots.get(session, chatbot.id, owner_id=bob.id),
            chatbots.update(session, chatbot.id, owner_id=bob.id, name="Mine"),
            chatbots.read_content(session, chatbot.id, owner_id=bob.id),
            chatbots.save_content(session, chatbot.id, contents.Content(), owner_id=bob.id),
            chatbots.delete(session, chatbot.id, owner_id=bob.id, actor=Principal(user_id=bob.id)),
        ):
            with pytest.raises(NoSuchChatbot):
                await attempt
        assert await chatbots.list_page(session, owner_id=bob.id, limit=10) == ([], 0)


async def test_lists_are_filtered_paged_and_counted(house: Database, alice: User) -> None:
    async with house.session() as session:
        for number, kind in enumerate(("rule", "ai", "hybrid", "hybrid")):
            await chatbots.create(session, owner_id=alice.id, name=f"Bot {number}", type=kind)
        page, total = await chatbots.list_page(session, owner_id=alice.id, limit=2, offset=1)
        hybrid, count = await chatbots.list_page(session, owner_id=alice.id, limit=10, type="hybrid")
    assert ([bot.name for bot in page], total) == (["Bot 2", "Bot 1"], 4)
    assert ([bot.name for bot in hybrid], count) == (["Bot 3", "Bot 2"], 2)


async def test_of_two_editors_the_second_is_told(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        content, revision = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
        content.language = "de"
        await chatbots.save_content(
            session, chatbot.id, content, owner_id=chatbot.owner_id, revision=revision
        )
        content.language = "fr"
        with pytest.raises(EditedMeanwhile):
            await chatbots.save_content(
                session, chatbot.id, content, owner_id=chatbot.owner_id, revision=revision
            )
        kept, _ = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
    assert kept.language == "de"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"type": "oracle"}, "rule, ai, hybrid"),
        ({"description": "x" * 2001}, "2000"),
        ({"content": {"flows": [{"id": "a", "steps": [{"do": "run", "id": "1"}]}]}}, "flows"),
        ({"content": {"settings": {"operating_point": "wild"}}}, "operating_point"),
        ({"content": []}, "object"),
    ],
)
async def test_what_does_not_fit_is_refused_and_makes_nothing(
    house: Database, alice: User, values: dict[str, object], says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        async with house.session() as session:
            await chatbots.create(session, owner_id=alice.id, name="Harbour", **values)  # type: ignore[arg-type]
    async with house.reader() as session:
        assert (await chatbots.list_page(session, owner_id=alice.id, limit=1))[1] == 0


@pytest.mark.usefixtures("queue")
async def test_template_s_examples_are_learnt_at_once(house: Database, alice: User) -> None:
    actor = Principal(user_id=alice.id)
    async with house.session() as session:
        made = await beginnings.begin(
            session, owner_id=alice.id, name="Desk", template_id="support-faq", actor=actor
        )
        [job], _ = await training.list_page(session, owner_id=alice.id, chatbot_id=made.id, limit=5)
        dataset = await datasets.get(session, str(job.dataset_id), owner_id=alice.id)
    assert (made.status, job.state) == ("training", "queued")
    assert dataset.example_count > 30


async def test_training_needs_examples_and_one_s_own_dataset(
    house: Database, chatbot: ChatbotInfo, make_user: MakeUser
) -> None:
    bob, actor = await make_user("bob"), Principal(user_id=chatbot.owner_id)
    async with house.session() as session:
        empty = await datasets.create(session, owner_id=chatbot.owner_id, name="Empty")
        theirs = await datasets.create(session, owner_id=bob.id, name="Bob's")
        with pytest.raises(NothingToTrain):
            await training.start(session, chatbot.id, empty.id, owner_id=chatbot.owner_id, actor=actor)
        with pytest.raises(datasets.NoSuchDataset):
            await training.start(session, chatbot.id, theirs.id, owner_id=chatbot.owner_id, actor=actor)


async def test_a_draft_that_each_message_would_wait_for_is_refused(
    house: Database, chatbot: ChatbotInfo
) -> None:
    long = {"responses": {f"r{number}": [{"text": "x" * 8000}] for number in range(270)}}
    owner_id = chatbot.owner_id
    async with house.session() as session:
        with pytest.raises(Invalid, match="at most 2 MiB"):
            await chatbots.save_content(session, chatbot.id, contents.read(long), owner_id=owner_id)
        with pytest.raises(Invalid, match="at most 2 MiB"):
            await chatbots.create(session, owner_id=owner_id, name="Long", content=long)
