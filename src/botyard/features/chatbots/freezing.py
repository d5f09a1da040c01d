"""What a training learns from: its dataset as it was when the training was ordered.

An order costs nothing. The copy is made when the training begins, or before that by whoever changes the dataset first.
"""

import asyncio

from sqlalchemy import select

from botyard.features.chatbots import artifacts, snapshots
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Dataset, Example, TrainingJob
from botyard.features.chatbots.open_trainings import unfinished
from botyard.kit.db import Session

IMPORTING = "importing"  # in `extras`: how far an import has come
_ROWS = 1000  # that are read before others have their turn


async def pack(session: Session, dataset: Dataset) -> bytes:
    """What training needs of a dataset, as a snapshot."""
    columns = Example.text, Example.intent, Example.entities, Example.language
    query = select(*columns).where(Example.dataset_id == dataset.id).execution_options(yield_per=_ROWS)
    lines: list[bytes] = []
    # One statement whose rows come some at a time: what is changed meanwhile is not in it.
    async for rows in (await session.stream(query)).partitions():
        lines += [
            snapshots.line(NewExample(text=text, intent=intent, entities=entities, language=language))
            for text, intent, entities, language in rows
        ]
    extras = {key: value for key, value in dataset.extras.items() if key != IMPORTING}
    head = snapshots.Snapshot(language=dataset.language, responses=dataset.responses, extras=extras)
    return await asyncio.to_thread(snapshots.write, head, lines)


async def before_change(session: Session, dataset: Dataset) -> None:
    """Keep a copy for the trainings that were ordered and have none yet; the dataset's row is locked by the caller.

    The first change pays for it, in its own transaction: some tenths of a second for ten thousand examples.
    """
    theirs = (
        TrainingJob.owner_id == dataset.owner_id,
        TrainingJob.dataset_id == dataset.id,
        TrainingJob.snapshot == "",
    )
    query = unfinished(*theirs).order_by(TrainingJob.id).with_for_update(of=TrainingJob)
    waiting = list(await session.scalars(query))
    if not waiting:
        return
    digest = await artifacts.put_within(session, dataset.owner_id, await pack(session, dataset))
    for training in waiting:
        training.snapshot = digest
    await session.flush()
