"""Imports into the database: at once, as a job, interrupted, and out again."""

import time
from typing import Any

import pytest

from botyard.core.bots.models import Bot, BotKind
from botyard.core.jobs import Unrecoverable
from botyard.core.jobs.dispatch import Dispatch
from botyard.features.chatbots import artifacts, datasets, example_table, import_jobs, importing
from botyard.features.chatbots import content as contents
from botyard.features.chatbots.content import Content, Flow, Intent, Reply, Rule, Say, Settings
from botyard.features.chatbots.datasets import NoSuchDataset
from botyard.features.chatbots.errors import NoSuchChatbot
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.importing import Progress, Target
from botyard.features.chatbots.models import Chatbot, Dataset
from botyard.kit import clock as clocks
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid
from tests.core.accounts.fixtures import Queue
from tests.features.chatbots.datasets.conftest import ALICE, BOB, MakeDataset

SMALL = b"text,intent\nhello,greet\nbye,leave\nhello,greet\n"
PROJECT = b"""
nlu:
- intent: greet
  examples: |
    - hello
    - hi [there](place)
- lookup: place
  examples: |
    - there
responses:
  utter_greet:
  - text: Welcome!
rules:
- rule: greeting
  steps:
  - intent: greet
  - action: utter_greet
"""


class Interrupted(Exception):
    """The process went away."""


class StopsAfter(Progress):
    """Lets an import be interrupted after so many examples."""

    def __init__(self, limit: int = 10**9) -> None:
        self.limit = limit
        self.told: list[tuple[int, int]] = []

    async def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))
        if done >= self.limit:
            raise Interrupted


async def make_chatbot(db: Database, owner_id: int, content: Content) -> str:
    """A chatbot's rows, without what making one tells others."""
    now = clocks.now()
    async with db.session() as session:
        session.add(
            Bot(
                id=f"bot_{owner_id}",
                owner_id=owner_id,
                kind=BotKind.chatbot,
                name="b",
                created_at=now,
                updated_at=now,
            )
        )
        await session.flush()
        written = contents.write(content)
        session.add(
            Chatbot(
                id=f"bot_{owner_id}",
                owner_id=owner_id,
                type="hybrid",
                status="draft",
                content=written,
                revision=0,
            )
        )
    return f"bot_{owner_id}"


async def examples_of(session: Session, dataset_id: str) -> list[NewExample]:
    return [example async for piece in example_table.whole(session, dataset_id) for _, example in piece]


async def dataset_of(db: Database, dataset_id: str) -> Dataset:
    async with db.reader() as session:
        return await datasets.get(session, dataset_id, owner_id=ALICE)


async def test_a_new_dataset_holds_what_the_file_holds(db: Database) -> None:
    made = await importing.import_into(db, ALICE, SMALL, Target(filename="mail/spring.csv"))

    assert (made.format, made.added, made.known, made.intents) == ("csv", 3, 0, 2)
    found = await dataset_of(db, made.dataset_id)
    assert (found.name, found.example_count, found.extras) == ("spring", 3, {})


async def test_an_existing_dataset_gets_only_what_it_has_not(db: Database, make_dataset: MakeDataset) -> None:
    dataset_id = await make_dataset({"greet": ["Hello"]}, responses={"greet": "Hey!"})

    made = await importing.import_into(db, ALICE, PROJECT, Target(dataset_id=dataset_id))

    assert (made.added, made.known) == (1, 1)
    found = await dataset_of(db, dataset_id)
    assert found.responses == {"greet": "Hey!"}
    assert found.extras["entities"] == {"place": {"values": {"there": []}}}


async def test_the_draft_of_a_chatbot_gets_what_it_has_no_name_for_yet(db: Database) -> None:
    ours = Content(intents={"greet": Intent(response="mine")}, responses={"mine": [Reply(text="Hey!")]})
    chatbot_id = await make_chatbot(db, ALICE, ours)

    await importing.import_into(db, ALICE, PROJECT, Target(chatbot_id=chatbot_id))

    async with db.reader() as session:
        row = await session.get(Chatbot, chatbot_id)
    assert row is not None
    draft = contents.read(row.content)
    assert draft.intents["greet"].response == "mine"
    assert {"mine", "utter_greet"} == draft.responses.keys()
    assert row.revision == 1


async def test_tables_that_an_import_brings_are_joined_in_no_time(
    db: Database, make_dataset: MakeDataset
) -> None:
    synonyms = [f"word {number}" for number in range(20_000)]
    dataset_id = await make_dataset({"greet": ["hi"]})
    table = {"entities": {"place": {"values": {"here": synonyms}}}}
    async with db.session() as session:
        await datasets.update(session, dataset_id, owner_id=ALICE, extras=table)
    lines = "".join(f"    - {word}\n" for word in ["one more", *synonyms])
    data = (
        f"nlu:\n- intent: a\n  examples: |\n    - go [here](place)\n- synonym: here\n  examples: |\n{lines}"
    )

    before = time.thread_time()
    await importing.import_into(db, ALICE, data.encode(), Target(dataset_id=dataset_id))

    found = await dataset_of(db, dataset_id)
    assert found.extras["entities"]["place"]["values"]["here"] == [*synonyms, "one more"]
    assert time.thread_time() - before < 2  # comparing each with each would take half a minute


def test_merging_replaces_only_when_asked() -> None:
    ours = Content(
        intents={"a": Intent(response="x")},
        flows=[Flow(id="f", name="ours")],
        rules=[Rule(phrase="hi", response="x")],
        settings=Settings(greeting="x"),
    )
    theirs = Content(
        intents={"a": Intent(response="y")},
        flows=[Flow(id="f", name="theirs", steps=[Say(id="s", response="y")]), Flow(id="g")],
        rules=[Rule(phrase="hi", response="x"), Rule(phrase="bye", response="y")],
        settings=Settings(greeting="y", fallback="z"),
    )

    kept, replaced = importing.merge(ours, theirs), importing.merge(ours, theirs, replace=True)

    assert (kept.intents["a"].response, replaced.intents["a"].response) == ("x", "y")
    assert [[flow.name for flow in each.flows] for each in (kept, replaced)] == [["ours", ""], ["theirs", ""]]
    assert len(kept.rules) == 2
    assert [(each.settings.greeting, each.settings.fallback) for each in (kept, replaced)] == [
        ("x", "z"),
        ("y", "z"),
    ]


async def test_an_interrupted_import_goes_on_where_it_stopped(db: Database) -> None:
    data = "text,intent\n" + "".join(f"example {number},intent {number % 7}\n" for number in range(12_000))

    with pytest.raises(Interrupted):
        await importing.import_into(
            db, ALICE, data.encode(), Target(), key="once", progress=StopsAfter(10_000)
        )
    second = StopsAfter()
    made = await importing.import_into(db, ALICE, data.encode(), Target(), key="once", progress=second)

    assert (made.added, second.told) == (12_000, [(12_000, 12_000)])
    assert (await dataset_of(db, made.dataset_id)).example_count == 12_000


@pytest.mark.parametrize("target", [Target(dataset_id="ds_none"), Target(chatbot_id="bot_2")])
async def test_nothing_is_stored_for_a_target_that_is_not_ones_own(db: Database, target: Target) -> None:
    await make_chatbot(db, BOB, Content())

    with pytest.raises((NoSuchDataset, NoSuchChatbot)):
        await importing.import_into(db, ALICE, SMALL, target)

    async with db.reader() as session:
        assert (await datasets.list_page(session, owner_id=ALICE, limit=1))[1] == 0


async def test_a_file_of_nothing_says_why(db: Database) -> None:
    with pytest.raises(Invalid, match=r"nothing that can be imported.*has no text"):
        await importing.import_into(db, ALICE, b"text,intent\n,greet\n", Target())


async def test_a_job_imports_an_upload_and_answers_counts_and_report(db: Database) -> None:
    upload = await artifacts.put(db, ALICE, PROJECT)
    order: dict[str, Any] = {
        "account_id": ALICE,
        "upload": upload,
        "target": {"name": "Shop"},
        "import_key": "1",
    }

    result = await import_jobs.import_file.run_inline(db, **order)
    again = await import_jobs.import_file.run_inline(db, **order)

    assert result["added"] == 2
    assert {"kind": "mapped", "what": "2 examples, 1 intent, 1 entity, 1 response"} in result["report"]
    assert again["dataset_id"] == result["dataset_id"]
    assert (await dataset_of(db, result["dataset_id"])).name == "Shop"


async def test_an_upload_is_kept_and_its_import_enqueued_once(db: Database) -> None:
    queue = Queue()
    db.parts.add(queue, kind=Dispatch)

    first = await import_jobs.start(db, ALICE, PROJECT, Target(name="Shop"), key="upload 1")
    again = await import_jobs.start(db, ALICE, PROJECT, Target(name="Shop"), key="upload 1")
    (result,) = await queue.run(db)

    assert first == again
    assert isinstance(result, dict)
    assert (await dataset_of(db, result["dataset_id"])).example_count == 2


async def test_a_job_whose_file_is_no_import_fails_for_good_in_its_words(db: Database) -> None:
    upload = await artifacts.put(db, ALICE, b"%PDF-1.7 nothing of the kind")

    with pytest.raises(Unrecoverable, match="no file that can be imported"):
        await import_jobs.import_file.run_inline(
            db, account_id=ALICE, upload=upload, target={}, import_key="1"
        )


@pytest.mark.parametrize("form", ["jsonl", "rasa", "csv"])
async def test_what_is_exported_is_imported_again(db: Database, form: str) -> None:
    first = await importing.import_into(db, ALICE, PROJECT, Target(name="Shop"))

    file = await importing.export(db, ALICE, form, dataset_id=first.dataset_id)
    second = await importing.import_into(db, ALICE, file.data, Target())

    async with db.reader() as session:
        both = [await examples_of(session, each.dataset_id) for each in (first, second)]
    assert both[0] == both[1]
    if form != "csv":
        one, two = [await dataset_of(db, each.dataset_id) for each in (first, second)]
        assert (one.name, one.responses, one.extras) == (two.name, two.responses, two.extras)


async def test_a_large_dataset_is_read_in_pieces_and_in_order(
    db: Database, make_dataset: MakeDataset
) -> None:
    texts = [f"text {number}" for number in range(4_500)]
    dataset_id = await make_dataset({"a": texts})
    async with db.reader() as session:
        pieces = [piece async for piece in example_table.whole(session, dataset_id)]
    assert [one.text for piece in pieces for _, one in piece] == texts
    assert max(len(piece) for piece in pieces) <= 2_000
