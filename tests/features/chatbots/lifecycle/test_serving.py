"""What is ready to answer takes so much memory and no more, however many chatbots are talked with."""

import asyncio
import gc

import pytest

from botyard.core.accounts.models import User
from botyard.features.chatbots import artifacts
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import Content, Reply
from botyard.features.chatbots.models import ModelVersion
from botyard.features.chatbots.nlu.errors import ModelUnreadable
from botyard.features.chatbots.serving import Kept, Serving
from botyard.features.chatbots.versions import freeze
from botyard.kit import clock
from botyard.kit.db import Database


class Shelf:
    """Texts kept in ten bytes, and how often each had to be made."""

    def __init__(self) -> None:
        self.kept = Kept[str](10, len)
        self.made: list[str] = []
        self.ready = asyncio.Event()
        self.ready.set()

    async def get(self, text: str) -> str:
        async def make() -> str:
            self.made.append(text)
            await self.ready.wait()
            return text

        return await self.kept.get(text, make)


async def test_what_was_not_asked_for_longest_is_let_go_by_its_bytes() -> None:
    shelf = Shelf()
    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        await shelf.get(text)

    assert shelf.made == ["aaaa", "bbbb", "cccc", "bbbb"]
    assert shelf.kept.size == 8


async def test_one_that_is_larger_than_all_room_is_kept_alone() -> None:
    shelf = Shelf()
    await shelf.get("aaaa")
    for _ in range(2):
        assert await shelf.get("b" * 50) == "b" * 50
    assert shelf.kept.size == 50

    await shelf.get("aaaa")
    assert (shelf.made, shelf.kept.size) == (["aaaa", "b" * 50, "aaaa"], 4)


async def test_many_that_ask_while_it_is_made_get_the_same_one() -> None:
    shelf = Shelf()
    shelf.ready.clear()
    waiting = [asyncio.ensure_future(shelf.get("aaaa")) for _ in range(3)]
    others = [asyncio.ensure_future(shelf.get(letter * 6)) for letter in "bcd"]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever gives up takes nothing from the others
    shelf.ready.set()

    assert await asyncio.gather(*waiting[1:], *others) == ["aaaa", "aaaa", "b" * 6, "c" * 6, "d" * 6]
    assert shelf.made == ["aaaa", "b" * 6, "c" * 6, "d" * 6]
    assert shelf.kept.size <= 10


async def test_what_could_not_be_made_is_tried_anew() -> None:
    kept = Kept[str](10, len)

    async def fail() -> str:
        raise ModelUnreadable

    async def make() -> str:
        return "made"

    for _ in range(2):
        with pytest.raises(ModelUnreadable):
            await kept.get("a", fail)
    assert await kept.get("a", make) == "made"


async def test_versions_that_are_kept_hold_no_models_that_were_let_go(house: Database, alice: User) -> None:
    pytest.importorskip("sklearn")
    from botyard.features.chatbots.nlu import artifact
    from botyard.features.chatbots.nlu.model import Model
    from botyard.features.chatbots.nlu.train import train
    from botyard.features.chatbots.nlu.types import Options
    from tests.features.chatbots.nlu.sayings import sayings

    def alive() -> int:
        gc.collect()
        return sum(isinstance(each, Model) for each in gc.get_objects())

    model = train(sayings(), Options()).model
    loaded, before = [], alive()
    serving = Serving(house, model_bytes=model.size + model.size // 2)
    for number in range(4):
        parts = artifact.read(model.to_bytes())
        parts.manifest.examples = number  # so that each is a file of its own
        file = artifact.write(parts)
        loaded.append(await serving.load(await frozen(house, alice.id, file)))
        assert alive() == before + 1

    for version in loaded:  # each is read again as it is needed
        assert version.nlu is not None
        understood = await version.nlu.understand("when do you open", now=clock.now())
        assert understood.intents[0].name == "opening_hours"
        assert alive() == before + 1


async def test_versions_are_kept_by_what_they_say(house: Database, alice: User) -> None:
    serving = Serving(house, version_bytes=1_000_000)
    short = [await frozen(house, alice.id, None, "Till ten.") for _ in range(2)]
    long = await frozen(house, alice.id, None, *["A long answer. " * 500] * 20)
    first = [await serving.load(one) for one in short]
    assert [await serving.load(one) for one in short] == first
    assert (await serving.load(short[0])).content is first[0].content

    await serving.load(long)
    assert (await serving.load(short[0])).content is not first[0].content


async def frozen(house: Database, owner_id: int, file: bytes | None, *texts: str) -> str:
    """A version of a chatbot of its own that says so, with that model."""
    digest = "" if file is None else await artifacts.put(house, owner_id, file)
    async with house.session() as session:
        bot = await chatbots.create(session, owner_id=owner_id, name="Harbour")
        content = Content(responses={f"say_{at}": [Reply(text=text)] for at, text in enumerate(texts)})
        await chatbots.save_content(session, bot.id, content, owner_id=owner_id)
        if file is not None:
            session.add(
                ModelVersion(
                    id=f"model_{bot.id}",
                    owner_id=owner_id,
                    chatbot_id=bot.id,
                    number=1,
                    training_id="train_1",
                    snapshot="0" * 64,
                    artifact=digest,
                    report="1" * 64,
                    metrics={},
                    created_at=clock.now(),
                )
            )
        version = await freeze(session, bot.id, owner_id=owner_id, by=owner_id)
        return version.id
