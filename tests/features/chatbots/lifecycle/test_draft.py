"""How the draft differs from a version, and what a training changed."""

from botyard.core.accounts.models import User
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots import versions
from botyard.features.chatbots.draft import Difference, difference
from botyard.features.chatbots.intent_changes import taught
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Database
from tests.features.chatbots.lifecycle.conftest import MakeModel


async def test_the_draft_differs_once_content_or_model_do(
    house: Database, alice: User, chatbot: ChatbotInfo, make_model: MakeModel
) -> None:
    async with house.session() as session:
        version = await versions.freeze(session, chatbot.id, owner_id=alice.id, by=alice.id)

    async def now() -> Difference:
        async with house.session() as session:
            return await difference(session, chatbot.id, version.id, owner_id=alice.id)

    assert not (await now()).any
    await make_model(macro_f1=0.9)
    assert await now() == Difference(model=True)
    async with house.session() as session:
        content = contents.read({"rules": [{"phrase": "hi", "response": "hi"}]})
        await chatbots.save_content(session, chatbot.id, content, owner_id=alice.id)
    assert await now() == Difference(content=True, model=True)


def test_intents_that_got_examples_come_first_then_those_that_moved_most() -> None:
    def report(**intents: tuple[int, float | None]) -> dict[str, object]:
        return {
            "per_intent": [{"intent": name, "examples": n, "f1": f1} for name, (n, f1) in intents.items()]
        }

    before = report(hours=(10, 0.8), price=(10, 0.9), still=(5, 0.7), gone=(3, None))
    after = report(hours=(10, 0.6), price=(14, 0.95), still=(5, 0.701), new=(4, 0.5))

    found = taught(before, after)

    assert [one.intent for one in found] == ["price", "new", "gone", "hours"]
    assert [one.added for one in found] == [4, 4, -3, 0]
    assert [one.delta and round(one.delta, 3) for one in found] == [0.05, None, None, -0.2]
