"""A chatbot of alice, and models that nobody trained."""

from collections.abc import Awaitable, Callable

import pytest

from botyard.core.accounts.models import User
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots import versions
from botyard.features.chatbots.models import ModelVersion
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit import clock, ids
from botyard.kit.db import Database
from tests.core.accounts.fixtures import alice, house, make_user, queue

__all__ = ["alice", "house", "make_user", "queue"]

MakeModel = Callable[..., Awaitable[ModelVersion]]


@pytest.fixture
async def chatbot(house: Database, alice: User) -> ChatbotInfo:
    """A hybrid chatbot of alice without any content."""
    async with house.session() as session:
        return await chatbots.create(session, owner_id=alice.id, name="Harbour")


@pytest.fixture
def make_model(house: Database, chatbot: ChatbotInfo) -> MakeModel:
    """make_model(macro_f1=0.9) stores a model as training would."""

    async def make(**metrics: float) -> ModelVersion:
        async with house.session() as session:
            await chatbots.hold(session, chatbot.id)
            model = ModelVersion(
                id=ids.new("model"),
                owner_id=chatbot.owner_id,
                chatbot_id=chatbot.id,
                number=await versions.next_model_number(session, chatbot.id),
                training_id="train_1",
                snapshot="0" * 64,
                artifact=ids.ulid(),
                report="1" * 64,
                metrics=metrics,
                created_at=clock.now(),
            )
            session.add(model)
        return model

    return make
