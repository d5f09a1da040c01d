"""Versions are frozen, deployments a log: which version answers, and how one goes back."""

from collections import Counter

import pytest

from botyard.core.accounts.types import Principal
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import datasets, deployments, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import Content, Reply, Rule
from botyard.features.chatbots.errors import NoEarlierDeployment, NoSuchVersion, NothingToDeploy
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Chatbot
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid
from tests.features.chatbots.lifecycle.conftest import MakeModel


async def write(session: Session, chatbot: ChatbotInfo, text: str) -> None:
    content = Content(responses={"hello": [Reply(text=text)]}, rules=[Rule(phrase="hi", response="hello")])
    await chatbots.save_content(session, chatbot.id, content, owner_id=chatbot.owner_id)


async def deploy(session: Session, chatbot: ChatbotInfo, text: str = "", version_id: str = "") -> int:
    """Deploy the draft with this text, or a version; answers the number of the version."""
    if text:
        await write(session, chatbot, text)
    row = await deployments.deploy(
        session,
        chatbot.id,
        owner_id=chatbot.owner_id,
        actor=Principal(user_id=chatbot.owner_id),
        version_id=version_id or None,
    )
    return (await versions.get(session, row.shares[0][0], chatbot_id=chatbot.id)).number


async def roll_back(session: Session, chatbot: ChatbotInfo) -> int:
    row = await deployments.roll_back(
        session, chatbot.id, owner_id=chatbot.owner_id, actor=Principal(user_id=chatbot.owner_id)
    )
    return (await versions.get(session, row.shares[0][0], chatbot_id=chatbot.id)).number


async def test_what_is_deployed_does_not_change_with_the_draft(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        await deploy(session, chatbot, "one")
        await write(session, chatbot, "two")
        row = await deployments.current(session, chatbot.id)
        assert row is not None
        version = await versions.get(session, row.shares[0][0], chatbot_id=chatbot.id)
    assert contents.read(version.content).responses["hello"][0].text == "one"


async def test_same_content_and_model_again_is_no_new_version(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        numbers = [await deploy(session, chatbot, text) for text in ("one", "two", "one", "one")]
    assert numbers == [1, 2, 1, 1]


async def test_going_back_again_and_again_goes_further_back(house: Database, chatbot: ChatbotInfo) -> None:
    async with house.session() as session:
        for text in ("one", "two", "three"):
            await deploy(session, chatbot, text)
        assert [await roll_back(session, chatbot), await roll_back(session, chatbot)] == [2, 1]
        with pytest.raises(NoEarlierDeployment):
            await roll_back(session, chatbot)
        assert await deploy(session, chatbot, "four") == 4
        assert await roll_back(session, chatbot) == 1
        log = await deployments.list_log(session, chatbot.id)
    assert [entry.kind for entry in log][:3] == ["rollback", "deploy", "rollback"]
    assert [entry.current for entry in log].index(True) == 0


async def test_going_back_leaves_a_version_that_was_deployed_several_times(
    house: Database, chatbot: ChatbotInfo
) -> None:
    async with house.session() as session:
        for text in ("one", "two", "two", "two"):
            await deploy(session, chatbot, text)
        former = await deployments.find_former(session, chatbot.id)
        assert former is not None
        assert [number for _, number, _ in former] == [1]
        assert await roll_back(session, chatbot) == 1
        assert await deployments.find_former(session, chatbot.id) is None
        with pytest.raises(NoEarlierDeployment):
            await roll_back(session, chatbot)


async def test_nothing_lies_before_one_version_however_often_it_was_deployed(
    house: Database, chatbot: ChatbotInfo
) -> None:
    async with house.session() as session:
        for _ in range(3):
            await deploy(session, chatbot, "one")
        assert await deployments.find_former(session, chatbot.id) is None
        with pytest.raises(NoEarlierDeployment):
            await roll_back(session, chatbot)


async def test_going_back_from_a_split_passes_the_same_split_and_stops_at_another(
    house: Database, chatbot: ChatbotInfo
) -> None:
    actor = Principal(user_id=chatbot.owner_id)
    async with house.session() as session:
        for text in ("one", "two"):
            await deploy(session, chatbot, text)
        two, one = await versions.list_versions(session, chatbot.id)
        for weights in ((9, 1), (1, 1), (50, 50)):
            shares = list(zip((one.id, two.id), weights, strict=True))
            await deployments.split(session, chatbot.id, shares, owner_id=chatbot.owner_id, actor=actor)
        swapped = [(two.id, 2), (one.id, 2)]
        await deployments.split(session, chatbot.id, swapped, owner_id=chatbot.owner_id, actor=actor)

        assert await roll_back(session, chatbot) == 1
        current = await deployments.current(session, chatbot.id)
        assert current is not None
        assert current.shares == [[one.id, 9], [two.id, 1]]
        assert [await roll_back(session, chatbot), await roll_back(session, chatbot)] == [2, 1]


async def test_conversations_are_split_by_weight_and_stay_where_they_are() -> None:
    shares = [("a", 3), ("b", 1)]
    chosen = {f"conv_{number}": deployments.choose(shares, f"conv_{number}") for number in range(4000)}
    assert 900 < Counter(chosen.values())["b"] < 1100
    assert all(deployments.choose(shares, key) == version for key, version in chosen.items())
    assert deployments.choose([], "conv_1") is None


async def test_split_names_several_versions_of_this_chatbot(house: Database, chatbot: ChatbotInfo) -> None:
    actor = Principal(user_id=chatbot.owner_id)
    async with house.session() as session:
        await deploy(session, chatbot, "one")
        await deploy(session, chatbot, "two")
        two, one = await versions.list_versions(session, chatbot.id)

        async def split(*shares: tuple[str, int]) -> object:
            return await deployments.split(
                session, chatbot.id, shares, owner_id=chatbot.owner_id, actor=actor
            )

        for wrong in ([(one.id, 1)], [(one.id, 1), (one.id, 1)], [(one.id, 1), (two.id, 0)]):
            with pytest.raises(Invalid):
                await split(*wrong)
        with pytest.raises(NoSuchVersion):
            await split((one.id, 1), ("ver_of_another", 1))
        await split((one.id, 9), (two.id, 1))
        current = await deployments.current(session, chatbot.id)
    assert current is not None
    assert current.shares == [[one.id, 9], [two.id, 1]]


@pytest.mark.parametrize(("kind", "goes"), [("hybrid", True), ("rule", False), ("ai", False)])
async def test_untrained_chatbot_goes_out_only_where_it_can_answer(
    house: Database, chatbot: ChatbotInfo, kind: str, goes: bool
) -> None:
    async with house.session() as session:
        await chatbots.update(session, chatbot.id, owner_id=chatbot.owner_id, type=kind)
        if goes:
            assert await deploy(session, chatbot) == 1
        else:
            with pytest.raises(NothingToDeploy):
                await deploy(session, chatbot)


async def test_gate_warns_where_held_out_figures_fall(
    house: Database, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    await make_model(macro_f1=0.91, accuracy=0.93)
    async with house.session() as session:
        await deploy(session, chatbot)
    await make_model(macro_f1=0.84, accuracy=0.9295)
    async with house.session() as session:
        await deploy(session, chatbot)
        log = await deployments.list_log(session, chatbot.id)
    assert [warning["figure"] for warning in log[0].warnings] == ["macro_f1"]
    assert "from 91.0% to 84.0%" in log[0].warnings[0]["message"]
    assert log[1].warnings == []


async def test_replies_of_the_dataset_answer_what_the_content_says_nothing_of(
    house: Database, chatbot: ChatbotInfo
) -> None:
    async with house.session() as session:
        dataset = await datasets.create(
            session,
            owner_id=chatbot.owner_id,
            name="Words",
            examples=[NewExample(text="hi", intent="greet")],
            responses={"greet": "Hello!", "bye": "Goodbye!"},
        )
        row = await session.get(Chatbot, chatbot.id)
        assert row is not None
        row.dataset_id = dataset.id
        content = Content(intents={"bye": contents.Intent(response="farewell")})
        content.responses["farewell"] = [Reply(text="So long!")]
        await chatbots.save_content(session, chatbot.id, content, owner_id=chatbot.owner_id)
        version = await versions.freeze(session, chatbot.id, owner_id=chatbot.owner_id, by=1)
    frozen = contents.read(version.content)
    assert frozen.responses[frozen.intents["greet"].response][0].text == "Hello!"
    assert frozen.intents["bye"].response == "farewell"
