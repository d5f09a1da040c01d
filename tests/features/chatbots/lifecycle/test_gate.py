"""Before a version goes out its golden conversations are held again; what changes is kept with the deployment."""

from typing import Any

import pytest

from botyard.core.accounts.types import Principal
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import deployments, gate, golden
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.content import Content, Reply, Rule
from botyard.features.chatbots.errors import NoSuchVersion
from botyard.features.chatbots.models import GoldenConversation
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.serving import Serving
from botyard.kit import clock
from botyard.kit.db import Database


@pytest.fixture
def runtime(house: Database) -> ChatRuntime:
    """What holds conversations, with versions that come from the store."""
    writer, reader = Writer(house.stores, max_rows=100), StreamReader(house.stores)
    chat = ChatRuntime(house, writer, reader, Serving(house))
    house.parts.add(chat)
    return chat


async def keep(house: Database, chatbot: ChatbotInfo, response: str) -> None:
    """A golden conversation of one turn: `open` is answered by this response."""
    async with house.session() as session:
        session.add(
            GoldenConversation(
                id="golden_1",
                owner_id=chatbot.owner_id,
                chatbot_id=chatbot.id,
                name="Opening hours",
                turns=[{"user": "Open?", "response": response, "at_us": clock.now_us()}],
                created_at=clock.now(),
            )
        )


async def deploy(house: Database, chatbot: ChatbotInfo, response: str, text: str = "Till ten.") -> list[Any]:
    """Deploy a draft that answers `open` by this response; what the gate said."""
    content = Content(
        responses={response: [Reply(text=text)]}, rules=[Rule(phrase="open", response=response)]
    )
    async with house.session() as session:
        await chatbots.save_content(session, chatbot.id, content, owner_id=chatbot.owner_id)
        row = await deployments.deploy(
            session, chatbot.id, owner_id=chatbot.owner_id, actor=Principal(user_id=chatbot.owner_id)
        )
    return row.warnings


async def test_what_goes_as_before_is_no_warning_whatever_its_wording(
    house: Database, chatbot: ChatbotInfo, runtime: ChatRuntime
) -> None:
    await keep(house, chatbot, "hours")
    assert await deploy(house, chatbot, "hours") == []
    assert await deploy(house, chatbot, "hours", text="Until ten in the evening.") == []


async def test_another_response_is_a_warning_that_says_where(
    house: Database, chatbot: ChatbotInfo, runtime: ChatRuntime
) -> None:
    await keep(house, chatbot, "hours")
    (warning,) = await deploy(house, chatbot, "times")
    assert (warning["kind"], warning["golden"]) == ("golden_changed", "golden_1")
    assert warning["differences"] == [
        {"turn": 1, "user": "Open?", "what": "response", "was": "hours", "now": "times"}
    ]
    assert "Opening hours" in warning["message"]


async def test_golden_conversations_that_could_not_be_held_are_said(
    house: Database, chatbot: ChatbotInfo
) -> None:
    await keep(house, chatbot, "hours")
    assert [each["kind"] for each in await deploy(house, chatbot, "hours")] == ["golden_unchecked"]


async def test_after_a_rehearsal_the_deployment_itself_replays_nothing(
    house: Database, chatbot: ChatbotInfo, runtime: ChatRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty conversations of forty turns would hold SQLite's only writer for seconds."""
    await keep(house, chatbot, "hours")
    await deploy(house, chatbot, "hours")
    content = Content(
        responses={"times": [Reply(text="Ten.")]}, rules=[Rule(phrase="open", response="times")]
    )
    async with house.session() as session:
        await chatbots.save_content(session, chatbot.id, content, owner_id=chatbot.owner_id)
    who = Principal(user_id=chatbot.owner_id)

    version, warned = await deployments.rehearse(
        house, chatbot.id, owner_id=chatbot.owner_id, by=chatbot.owner_id
    )
    async with house.reader() as session:
        before = await deployments.current(session, chatbot.id)
    monkeypatch.setattr(golden, "hold", None)
    async with house.session() as session:
        row = await deployments.deploy(
            session, chatbot.id, owner_id=chatbot.owner_id, actor=who, version_id=version.id
        )

    assert before is not None
    assert before.shares != [[version.id, 1]]
    assert row.shares == [[version.id, 1]]
    assert [each["kind"] for each in row.warnings] == ["golden_changed"]
    assert row.warnings == warned
    with pytest.raises(NoSuchVersion):
        await deployments.rehearse(
            house, chatbot.id, owner_id=chatbot.owner_id, by=chatbot.owner_id, version_id="ver_none"
        )


def talks(step: dict[str, Any]) -> dict[str, Any]:
    """Content of one flow of this step, which says `hi` unless it says something else."""
    steps = [{"id": "one", "do": "say", "response": "hi"} | step]
    return {"rules": [{"phrase": "go", "flow": "way"}], "flows": [{"id": "way", "steps": steps}]}


async def warned(house: Database, chatbot: ChatbotInfo, parts: dict[str, Any]) -> list[Any]:
    """What the gate says of a draft with these parts."""
    content = contents.read({"responses": {"hi": [{"text": "Hello."}]}} | parts)
    async with house.session() as session:
        await chatbots.save_content(session, chatbot.id, content, owner_id=chatbot.owner_id)
    _, found = await deployments.rehearse(house, chatbot.id, owner_id=chatbot.owner_id, by=chatbot.owner_id)
    return found


@pytest.mark.parametrize(
    ("parts", "problem", "message"),
    [
        (
            {"rules": [{"phrase": "hi", "response": "gone"}]},
            "unknown_response",
            "Rule 1: It says the response gone, which does not exist.",
        ),
        (
            talks({"next": "gone"}),
            "unknown_step",
            "Flow way, step one: It leads to the step gone, which does not exist, so the flow ends there.",
        ),
        (
            talks({"next": "one"}),
            "loop",
            "Flow way, step one: It goes round without asking anything: one.",
        ),
        ({"entities": {"code": {"patterns": ["(("]}}}, "pattern_unreadable", "Entity code: The pattern (("),
        (
            {"settings": {"greeting": "gone"}},
            "unknown_response",
            "Settings: The greeting is the response gone, which does not exist.",
        ),
    ],
)
async def test_broken_content_is_a_warning_that_says_where(
    house: Database, chatbot: ChatbotInfo, parts: dict[str, Any], problem: str, message: str
) -> None:
    (found,) = await warned(house, chatbot, {"rules": [{"phrase": "hi", "response": "hi"}]} | parts)
    assert (found["kind"], found["problem"]) == ("content_problem", problem)
    assert found["message"].startswith(message)


async def test_what_is_never_used_is_no_warning(house: Database, chatbot: ChatbotInfo) -> None:
    lonely = {"id": "lonely", "steps": [{"id": "one", "do": "say", "response": "hi"}]}
    responses = {"hi": [{"text": "Hello."}], "unused": [{"text": "Nothing says it."}]}
    assert await warned(house, chatbot, {"flows": [lonely], "responses": responses}) == []


async def test_many_problems_are_told_up_to_a_number_and_the_others_counted(
    house: Database, chatbot: ChatbotInfo
) -> None:
    rules = [{"phrase": f"say {number}", "response": "gone"} for number in range(30)]
    found = await warned(house, chatbot, {"rules": rules})
    assert [each["kind"] for each in found] == ["content_problem"] * 20 + ["content_problems"]
    assert found[-1]["message"].startswith("10 more problems are")


async def test_a_version_is_read_through_once_for_its_rehearsal_and_its_deployment(
    house: Database, chatbot: ChatbotInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand rules would hold SQLite's only writer for seconds."""
    parts = {"rules": [{"phrase": "read once", "response": "gone"}]}
    found = await warned(house, chatbot, parts)
    monkeypatch.setattr(gate, "check", None)
    async with house.session() as session:
        row = await deployments.deploy(
            session, chatbot.id, owner_id=chatbot.owner_id, actor=Principal(user_id=chatbot.owner_id)
        )
    assert row.warnings == found != []
