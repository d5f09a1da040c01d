"""Correcting examples: counts, replies and marks follow."""

import pytest

from botyard.features.chatbots import datasets, example_table, labelling
from botyard.features.chatbots.models import Example
from botyard.kit.db import Database
from botyard.kit.errors import Invalid, NotFound
from tests.features.chatbots.datasets.conftest import ALICE, MakeDataset


async def rows_of(db: Database, dataset_id: str) -> list[Example]:
    async with db.reader() as session:
        return (await example_table.page(session, dataset_id, owner_id=ALICE, limit=100))[0]


async def intents_of(db: Database, dataset_id: str) -> dict[str, int]:
    async with db.reader() as session:
        return await example_table.intents(session, dataset_id, owner_id=ALICE)


async def test_a_new_text_takes_old_marks_away_and_new_ones_are_checked(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset({"fly": ["to Rome"]})
    first = (await rows_of(db, dataset_id))[0].id

    async def edit(**fields: object) -> Example:
        async with db.session() as session:
            return await labelling.edit(session, dataset_id, first, owner_id=ALICE, **fields)  # type: ignore[arg-type]

    mark = {"start": 3, "end": 7, "entity": "city"}
    assert (await edit(entities=[mark])).entities == [mark]
    assert (await edit(intent="travel")).entities == [mark]
    assert (await edit(text="home")).entities == []
    with pytest.raises(Invalid, match="outside of its text"):
        await edit(entities=[mark])
    assert [(row.text, row.intent) for row in await rows_of(db, dataset_id)] == [("home", "travel")]


async def test_examples_of_another_dataset_cannot_be_reached_through_ones_own(
    db: Database, make_dataset: MakeDataset
) -> None:
    mine, other = await make_dataset({"a": ["b"]}), await make_dataset({"c": ["d"]})
    foreign = (await rows_of(db, other))[0].id

    async with db.session() as session:
        with pytest.raises(NotFound):
            await labelling.edit(session, mine, foreign, owner_id=ALICE, text="x")
        assert await labelling.remove(session, mine, [foreign], owner_id=ALICE) == 0
        assert await labelling.move(session, mine, [foreign], owner_id=ALICE, intent="a") == 0
    assert await intents_of(db, other) == {"c": 1}


async def test_many_are_moved_and_removed_at_once_and_the_count_follows(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset({"a": ["1", "2", "3"], "b": ["4"]})
    one, two, three, _ = [row.id for row in await rows_of(db, dataset_id)]

    async with db.session() as session:
        assert await labelling.move(session, dataset_id, [one, two], owner_id=ALICE, intent=" c ") == 2
        assert await labelling.remove(session, dataset_id, [three, three + 1000], owner_id=ALICE) == 1

    assert await intents_of(db, dataset_id) == {"b": 1, "c": 2}
    async with db.reader() as session:
        found = await datasets.get(session, dataset_id, owner_id=ALICE)
        assert (found.example_count, found.revision) == (3, 3)


async def test_merged_intents_keep_their_examples_and_one_reply(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset(
        {"hi": ["1"], "hello": ["2"], "bye": ["3"]}, responses={"hello": "Hello!", "hi": "Hi!"}
    )

    async with db.session() as session:
        renamed = await labelling.merge_intents(
            session, dataset_id, ["hi", "hello"], owner_id=ALICE, into="greet"
        )
        assert await labelling.delete_intent(session, dataset_id, "bye", owner_id=ALICE) == 1

    assert renamed == 2
    assert await intents_of(db, dataset_id) == {"greet": 2}
    async with db.reader() as session:
        assert (await datasets.get(session, dataset_id, owner_id=ALICE)).responses == {"greet": "Hi!"}
