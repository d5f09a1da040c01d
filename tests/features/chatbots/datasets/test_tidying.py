"""What a look through a dataset finds is mended with one call."""

from botyard.features.chatbots import datasets, tidying
from botyard.features.chatbots.examples import NewExample
from botyard.kit.db import Database
from tests.features.chatbots.datasets.conftest import ALICE, MakeDataset


async def examples_of(db: Database, dataset_id: str) -> list[tuple[str, str]]:
    async with db.reader() as session:
        looked = await tidying.look(session, dataset_id, owner_id=ALICE)
    return list(zip(looked.texts, looked.intents, strict=True))


async def test_findings_name_examples_by_their_places(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset({"a": ["one", "two"], "b": ["three", "Two"]})
    async with db.reader() as session:
        looked = await tidying.look(session, dataset_id, owner_id=ALICE)
    (conflict,) = [each for each in looked.report.findings if each.kind == "conflict"]
    assert [looked.texts[at] for at in conflict.examples] == ["two", "Two"]
    assert len(looked.ids) == 4


async def test_of_duplicates_the_one_with_marks_stays_and_conflicts_are_left(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset({"a": ["to Rome", "hello"], "b": ["hello"]})
    marked = NewExample(text="To  Rome", intent="a", entities=[{"start": 4, "end": 8, "entity": "city"}])
    async with db.session() as session:
        await datasets.add_examples(session, dataset_id, owner_id=ALICE, examples=[marked])
        assert await tidying.remove_duplicates(session, dataset_id, owner_id=ALICE) == 1
        assert await tidying.remove_duplicates(session, dataset_id, owner_id=ALICE) == 0
        assert (await datasets.get(session, dataset_id, owner_id=ALICE)).example_count == 3
    assert await examples_of(db, dataset_id) == [("hello", "a"), ("hello", "b"), ("To  Rome", "a")]


async def test_a_text_stays_in_the_intent_that_was_chosen(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset({"a": ["hello"], "b": ["Hello", "bye"]})
    async with db.session() as session:
        for intent, gone in (("c", 0), ("b", 1), ("b", 0)):
            kept = await tidying.keep_in(session, dataset_id, "hello", intent, owner_id=ALICE)
            assert kept == gone
    assert await examples_of(db, dataset_id) == [("Hello", "b"), ("bye", "b")]
