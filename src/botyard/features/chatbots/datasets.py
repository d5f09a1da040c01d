"""Datasets: what people say and what they mean by it, to be trained on."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Table, func, select

from botyard.features.chatbots import artifacts, freezing
from botyard.features.chatbots.examples import (
    MAX_EXAMPLES,
    NewExample,
    checked,
    digest_of,
    intent_problem,
    is_language,
    values_of,
)
from botyard.features.chatbots.models import Dataset, Example
from botyard.features.chatbots.nlu.process import expect
from botyard.features.chatbots.snapshots import read as read_snapshot  # noqa: F401 - callers read what they keep
from botyard.kit import clock, ids
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid, NotFound

MAX_NAME = 200
MAX_DESCRIPTION = 2000
MAX_REPLY = 8000
MAX_DATASETS = 1000  # of one account
BATCH = 1000  # rows of one statement, and how many are looked at before others have their turn
_TABLE = cast("Table", Example.__table__)
Item = TypeVar("Item")


class NoSuchDataset(NotFound):
    """There is no such dataset."""

    code = "dataset_not_found"


class TooManyExamples(Invalid):
    """A dataset has at most 100,000 examples; put the others into another one."""

    code = "too_many_examples"


async def create(
    session: Session,
    *,
    owner_id: int,
    name: str,
    description: str | None = None,
    language: str = "en",
    examples: Sequence[NewExample] = (),
    responses: dict[str, str] | None = None,
    extras: dict[str, Any] | None = None,
    source: str = "api",
    dataset_id: str | None = None,
) -> Dataset:
    """Make a dataset with its examples. Raises Invalid, naming the example that is wrong by its index."""
    count = select(func.count()).select_from(Dataset).where(Dataset.owner_id == owner_id)
    if int(await session.scalar(count) or 0) >= MAX_DATASETS:
        raise Invalid(f"An account has at most {MAX_DATASETS} datasets; delete one that is not needed.")
    now = clock.now()
    dataset = Dataset(
        id=dataset_id or ids.new("ds"),
        owner_id=owner_id,
        name=_name(name),
        description=_description(description),
        language=_language(language),
        responses=_responses(responses or {}),
        extras=extras or {},
        revision=1,
        example_count=0,
        created_at=now,
        updated_at=now,
    )
    session.add(dataset)
    await session.flush()
    await _insert(session, dataset, examples, source)
    return dataset


async def get(session: Session, dataset_id: str, *, owner_id: int) -> Dataset:
    """One dataset of an account. Raises NoSuchDataset, also for another account's."""
    dataset = await session.get(Dataset, dataset_id)
    if dataset is None or dataset.owner_id != owner_id:
        raise NoSuchDataset
    return dataset


async def list_page(
    session: Session, *, owner_id: int, limit: int, offset: int = 0
) -> tuple[list[Dataset], int]:
    """Datasets of an account, newest first, and how many there are in all."""
    mine = Dataset.owner_id == owner_id
    order = Dataset.created_at.desc(), Dataset.id.desc()
    rows = await session.scalars(select(Dataset).where(mine).order_by(*order).limit(limit).offset(offset))
    total = await session.scalar(select(func.count()).select_from(Dataset).where(mine))
    return list(rows), int(total or 0)


async def update(
    session: Session,
    dataset_id: str,
    *,
    owner_id: int,
    name: str | None = None,
    description: str | None = None,
    language: str | None = None,
    responses: dict[str, str] | None = None,
    extras: dict[str, Any] | None = None,
    examples: Sequence[NewExample] | None = None,
    source: str = "api",
) -> Dataset:
    """Change what is given; the rest stays. Given examples replace all that were there."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    if name is not None:
        dataset.name = _name(name)
    if description is not None:
        dataset.description = _description(description)
    if language is not None:
        dataset.language = _language(language)
    if responses is not None:
        dataset.responses = _responses(responses)
    if extras is not None:
        dataset.extras = extras
    if examples is not None:
        await session.execute(sa.delete(Example).where(Example.dataset_id == dataset_id))
        dataset.example_count = 0
        await _insert(session, dataset, examples, source)
    mark_changed(dataset)
    return dataset


async def delete(session: Session, dataset_id: str, *, owner_id: int) -> None:
    """Remove a dataset with its examples. What was trained on it stays, and what waits is trained: it has a copy."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    await session.execute(sa.delete(Example).where(Example.dataset_id == dataset_id))
    await session.delete(dataset)


async def add_examples(
    session: Session,
    dataset_id: str,
    *,
    owner_id: int,
    examples: Sequence[NewExample],
    source: str = "api",
    skip_known: bool = False,
) -> int:
    """Add examples and answer how many were added.

    `skip_known` leaves out texts that the dataset has already with the same intent, whatever their case and
    blanks. Raises Invalid, naming the example that is wrong by its index, and TooManyExamples.
    """
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    before = dataset.example_count
    await _insert(session, dataset, examples, source, skip_known=skip_known)
    mark_changed(dataset)
    return dataset.example_count - before


async def snapshot(db: Database, owner_id: int, dataset_id: str) -> str:
    """Keep what training needs of a dataset as an artifact and answer its digest; the same content has the same.

    Runs transactions of its own: call it outside of any. Raises NoSuchDataset.
    """
    async with db.reader() as session:
        data = await freezing.pack(session, await get(session, dataset_id, owner_id=owner_id))
    return await artifacts.put(db, owner_id, data)


async def example_of(session: Session, dataset_id: str, example_id: int) -> Example:
    """One example of a dataset whose owner is known already. Raises NotFound."""
    row = await session.get(Example, example_id)
    if row is None or row.dataset_id != dataset_id:
        raise NotFound("This dataset has no such example.")
    return row


async def hold(session: Session, dataset_id: str, *, owner_id: int) -> Dataset:
    """The dataset to be changed, locked until the commit; trainings that wait have a copy of it as it is.

    Raises NoSuchDataset, also for another account's.
    """
    dataset = await _lock(session, dataset_id, owner_id, True)
    await freezing.before_change(session, dataset)
    return dataset


async def pin(session: Session, dataset_id: str, *, owner_id: int) -> Dataset:
    """The dataset, which nobody changes until the commit; several may pin it. Raises NoSuchDataset as `hold`."""
    return await _lock(session, dataset_id, owner_id, {"read": True})


async def _lock(session: Session, dataset_id: str, owner_id: int, how: Any) -> Dataset:
    await session.flush()  # what this session changed already must not be read over
    dataset = await session.get(Dataset, dataset_id, with_for_update=how, populate_existing=True)
    if dataset is None or dataset.owner_id != owner_id:
        raise NoSuchDataset
    return dataset


async def _insert(
    session: Session, dataset: Dataset, examples: Sequence[NewExample], source: str, *, skip_known: bool = False
) -> None:  # fmt: skip
    """Check and add examples, some at a time."""
    if not skip_known and dataset.example_count + len(examples) > MAX_EXAMPLES:
        raise TooManyExamples
    for start, batch in enumerate(in_batches(examples)):
        good = checked(batch, first=start * BATCH)
        if skip_known:
            good = await _unknown(session, dataset.id, good)
        if dataset.example_count + len(good) > MAX_EXAMPLES:
            raise TooManyExamples
        rows = [{**values_of(each), "dataset_id": dataset.id, "source": source} for each in good]
        if rows:
            await session.execute(sa.insert(_TABLE), rows)
        dataset.example_count += len(good)
    if examples:
        expect(session)


async def _unknown(session: Session, dataset_id: str, examples: list[NewExample]) -> list[NewExample]:
    """Those that the dataset does not have, each once."""
    digests = [digest_of(example.text) for example in examples]
    query = select(Example.digest, Example.intent)
    query = query.where(Example.dataset_id == dataset_id, Example.digest.in_(set(digests)))
    known = {(digest, intent) for digest, intent in await session.execute(query)}
    fresh = []
    for digest, example in zip(digests, examples, strict=True):
        key = (digest, example.intent)
        if key not in known:
            known.add(key)
            fresh.append(example)
    return fresh


def mark_changed(dataset: Dataset) -> None:
    """Count a change, for editors that meet and for the list."""
    dataset.revision += 1
    dataset.updated_at = clock.now()


def in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in pieces that one statement takes on both stores."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _name(name: str) -> str:
    name = name.strip()
    if not name or not name.isprintable():
        raise Invalid("A dataset needs a name of one line.", details={"field": "name"})
    if len(name) > MAX_NAME:
        raise Invalid(f"The name of a dataset has at most {MAX_NAME} characters.", details={"field": "name"})
    return name


def _description(text: str | None) -> str | None:
    if text is not None and (len(text) > MAX_DESCRIPTION or "\x00" in text):
        said = f"A description is text of at most {MAX_DESCRIPTION} characters."
        raise Invalid(said, details={"field": "description"})
    return text


def _language(name: str) -> str:
    if not is_language(name):
        raise Invalid("A language is written as en or pt-BR.", details={"field": "language"})
    return name


def _responses(responses: dict[str, str]) -> dict[str, str]:
    for intent, reply in responses.items():
        if problem := intent_problem(intent):
            raise Invalid(f"A response {problem}.", details={"field": "responses"})
        if len(reply) > MAX_REPLY or "\x00" in reply:
            said = f"The response to {intent} is text of at most {MAX_REPLY} characters."
            raise Invalid(said, details={"field": "responses"})
    return dict(responses)
