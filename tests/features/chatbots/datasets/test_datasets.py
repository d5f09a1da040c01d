"""Datasets: who may see them, what they refuse, what their snapshot promises."""

import gzip
import time
from typing import Any

import pytest
import sqlalchemy as sa

from botyard.features.chatbots import artifacts, datasets, example_table
from botyard.features.chatbots.datasets import NoSuchDataset, TooManyExamples
from botyard.features.chatbots.examples import MAX_EXAMPLES, NewExample
from botyard.features.chatbots.models import Dataset, Example
from botyard.features.chatbots.nlu.process import Trainer
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from tests.features.chatbots.datasets.conftest import ALICE, BOB, MakeDataset

TEXTS = {"greet": ["Hello", "hi there"], "track": ["Where is my parcel?"]}


async def texts_of(db: Database, dataset_id: str, **how: Any) -> list[str]:
    async with db.reader() as session:
        rows, total = await example_table.page(session, dataset_id, **{"owner_id": ALICE, "limit": 100} | how)
    assert total >= len(rows)
    return [row.text for row in rows]


async def test_a_dataset_of_another_account_is_absent_for_every_call(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset(TEXTS)

    for call in (datasets.get, datasets.update, datasets.delete, example_table.intents):
        with pytest.raises(NoSuchDataset):
            async with db.session() as session:
                await call(session, dataset_id, owner_id=BOB)
    with pytest.raises(NoSuchDataset):
        await datasets.snapshot(db, BOB, dataset_id)
    async with db.reader() as session:
        assert await datasets.list_page(session, owner_id=BOB, limit=10) == ([], 0)


async def test_an_update_changes_what_is_given_and_replaces_examples(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset(TEXTS, description="of spring", responses={"greet": "Hello!"})

    async with db.session() as session:
        await datasets.update(
            session,
            dataset_id,
            owner_id=ALICE,
            name="Mail",
            examples=[NewExample(text="bye", intent="leave")],
        )

    async with db.reader() as session:
        found = await datasets.get(session, dataset_id, owner_id=ALICE)
        assert (found.name, found.description, found.responses) == ("Mail", "of spring", {"greet": "Hello!"})
        assert (found.example_count, found.revision) == (1, 2)
        assert await example_table.intents(session, dataset_id, owner_id=ALICE) == {"greet": 0, "leave": 1}


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (NewExample(text=" ", intent="a"), "Example 1 has no text."),
        (
            NewExample(text="x" * 2001, intent="a"),
            "Example 1 has a text of 2001 characters; at most 2000 are kept.",
        ),
        (NewExample(text="a\x00b", intent="a"), "NUL"),
        (NewExample(text="a\ud800", intent="a"), "half of a pair"),
        (NewExample(text="a", intent=" "), "Example 1 has no intent."),
        (NewExample(text="a", intent="a\nb"), "cannot be seen"),
        (NewExample(text="a", intent="a", language="English, please"), "language"),
        (
            NewExample(text="a", intent="a", entities=[{"start": 0, "end": 2, "entity": "x"}]),
            "outside of its text",
        ),
        (NewExample(text="a", intent="a", entities=[{"start": 0, "entity": "x"}]), "cannot be read"),
    ],
)
async def test_a_wrong_example_is_named_by_its_index_and_nothing_is_stored(
    db: Database, make_dataset: MakeDataset, example: NewExample, said: str
) -> None:
    dataset_id = await make_dataset(TEXTS)

    with pytest.raises(Invalid, match=said.replace("?", ".")) as refused:
        async with db.session() as session:
            await datasets.add_examples(
                session, dataset_id, owner_id=ALICE, examples=[NewExample(text="good", intent="a"), example]
            )

    assert refused.value.details == {"index": 1}
    assert await texts_of(db, dataset_id) == ["Hello", "hi there", "Where is my parcel?"]


async def test_a_dataset_takes_100_000_examples_and_no_more(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset(TEXTS)
    async with db.session() as session:
        await session.execute(sa.update(Dataset).values(example_count=MAX_EXAMPLES - 1))

    async with db.session() as session:
        await datasets.add_examples(
            session, dataset_id, owner_id=ALICE, examples=[NewExample(text="last", intent="a")]
        )
    with pytest.raises(TooManyExamples):
        async with db.session() as session:
            await datasets.add_examples(
                session, dataset_id, owner_id=ALICE, examples=[NewExample(text="more", intent="a")]
            )


async def test_known_texts_are_skipped_whatever_their_case_and_blanks(
    db: Database, make_dataset: MakeDataset
) -> None:
    dataset_id = await make_dataset(TEXTS)
    offered = [("HELLO ", "greet"), ("hello", "bye"), ("new", "greet"), (" New", "greet")]

    async with db.session() as session:
        added = await datasets.add_examples(
            session,
            dataset_id,
            owner_id=ALICE,
            examples=[NewExample(text=text, intent=intent) for text, intent in offered],
            skip_known=True,
        )

    assert added == 2
    assert await texts_of(db, dataset_id, sort="-id", limit=2) == ["new", "hello"]


async def test_pages_of_examples_are_filtered_and_sorted(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset({"a": ["zebra 100%", "apple"], "b": ["100 zebras", "Müll"]})

    assert await texts_of(db, dataset_id, intent="a", sort="text") == ["apple", "zebra 100%"]
    assert await texts_of(db, dataset_id, intent="a", sort="-text") == ["zebra 100%", "apple"]
    assert await texts_of(db, dataset_id, text="ZEBRA") == ["zebra 100%", "100 zebras"]
    assert await texts_of(db, dataset_id, text="0%") == ["zebra 100%"]
    assert await texts_of(db, dataset_id, sort="-intent", limit=1, offset=1) == ["100 zebras"]
    with pytest.raises(Invalid, match="sorted by one of"):
        await texts_of(db, dataset_id, sort="digest")


async def test_the_same_content_has_the_same_snapshot_however_it_came_to_be(
    db: Database, make_dataset: MakeDataset
) -> None:
    one = await make_dataset({"a": ["x", "y"], "b": ["z"]}, responses={"a": "A", "b": "B"})
    two = await make_dataset({"b": ["z"], "a": ["y", "x"]}, name="other", responses={"b": "B", "a": "A"})
    three = await make_dataset({"a": ["x", "y"], "b": ["Z"]}, responses={"a": "A", "b": "B"})

    digests = [await datasets.snapshot(db, ALICE, each) for each in (one, two, three)]

    assert digests[0] == digests[1] != digests[2]
    snapshot = datasets.read_snapshot(await artifacts.get(db, ALICE, digests[0]))
    assert {(example.text, example.intent) for example in snapshot.examples} == {
        ("x", "a"),
        ("y", "a"),
        ("z", "b"),
    }
    assert snapshot.responses == {"a": "A", "b": "B"}


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", gzip.compress(b"{}"), gzip.compress(b"no json"), gzip.compress(b"[" * 100_000)],
    ids=["nothing", "a zip", "an object", "no JSON", "brackets"],  # packed bytes hold the time
)
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="no snapshot"):
        datasets.read_snapshot(data)


async def test_deleting_a_dataset_takes_its_examples_along(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset(TEXTS)
    kept = await make_dataset({"a": ["b"]})

    async with db.session() as session:
        await datasets.delete(session, dataset_id, owner_id=ALICE)

    async with db.reader() as session:
        assert list(await session.scalars(sa.select(Example.dataset_id))) == [kept]


async def test_ten_thousand_examples_go_in_within_seconds(
    db: Database, make_dataset: MakeDataset, note: Any, store: str
) -> None:
    texts = {f"intent {number}": [f"example {number} {each}" for each in range(100)] for number in range(100)}

    begun = time.monotonic()
    dataset_id = await make_dataset(texts)
    taken = time.monotonic() - begun

    note(f"10,000 examples into a dataset on {store}: {taken:.2f} s")
    assert taken < 10
    async with db.reader() as session:
        assert (await datasets.get(session, dataset_id, owner_id=ALICE)).example_count == 10_000


class Counting(Trainer):
    """One that counts how often it is told of people who work on examples."""

    told = 0

    def expect(self) -> None:
        self.told += 1


async def test_who_writes_examples_will_train_soon(db: Database, make_dataset: MakeDataset) -> None:
    trainer = Counting()
    db.parts.add(trainer, kind=Trainer)

    dataset_id = await make_dataset({})
    assert trainer.told == 0
    async with db.session() as session:
        added = [NewExample(text="bye", intent="leave")]
        await datasets.add_examples(session, dataset_id, owner_id=ALICE, examples=added)
    assert trainer.told == 1
