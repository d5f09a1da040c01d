"""Looking through a dataset, and mending what was found with one click."""

import asyncio

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import select

from botyard.features.chatbots import datasets, example_table, labelling
from botyard.features.chatbots.examples import digest_of
from botyard.features.chatbots.lint import Lint, lint
from botyard.features.chatbots.models import Example
from botyard.kit.db import Session


class Looked(Struct, frozen=True):
    """A report with the ids of the examples, whose places the findings name."""

    report: Lint
    ids: list[int]
    texts: list[str]
    intents: list[str]


async def look(session: Session, dataset_id: str, *, owner_id: int) -> Looked:
    """What is wrong with a dataset. Raises NoSuchDataset."""
    dataset = await datasets.get(session, dataset_id, owner_id=owner_id)
    found = [one async for piece in example_table.whole(session, dataset_id) for one in piece]
    examples = [example for _, example in found]
    report = await asyncio.to_thread(lint, examples, language=dataset.language)
    texts, intents = [one.text for one in examples], [one.intent for one in examples]
    return Looked(report, [id_ for id_, _ in found], texts, intents)


async def remove_duplicates(session: Session, dataset_id: str, *, owner_id: int) -> int:
    """Leave one example of those that say the same in one intent, the one with most marks, then the oldest.

    Answers how many were removed.
    """
    await datasets.hold(session, dataset_id, owner_id=owner_id)
    ours = Example.dataset_id == dataset_id
    twice = select(Example.digest).where(ours).group_by(Example.digest).having(sa.func.count() > 1)
    columns = Example.id, Example.digest, Example.intent, Example.entities
    rows = await session.execute(select(*columns).where(ours, Example.digest.in_(twice)))
    seen: set[tuple[str, str]] = set()
    spare = []
    for number, digest, intent, _ in sorted(rows, key=lambda row: (-len(row.entities), row.id)):
        if (digest, intent) in seen:
            spare.append(number)
        seen.add((digest, intent))
    if not spare:
        return 0
    return await labelling.remove(session, dataset_id, spare, owner_id=owner_id)


async def keep_in(session: Session, dataset_id: str, text: str, intent: str, *, owner_id: int) -> int:
    """End a conflict: a text stays in one intent and leaves all others. Answers how many examples were removed.

    Where the intent does not have the text nothing is removed.
    """
    await datasets.hold(session, dataset_id, owner_id=owner_id)
    same = Example.dataset_id == dataset_id, Example.digest == digest_of(text)
    rows = (await session.execute(select(Example.id, Example.intent).where(*same))).all()
    others = [number for number, named in rows if named != intent]
    if not others or len(others) == len(rows):
        return 0
    return await labelling.remove(session, dataset_id, others, owner_id=owner_id)
