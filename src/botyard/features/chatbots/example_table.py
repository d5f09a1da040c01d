"""Looking at the examples of a dataset: pages for a table, intents with how many they have."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import func, select

from botyard.features.chatbots import datasets
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Example
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

_ORDERS = {
    "id": (Example.id,),
    "-id": (Example.id.desc(),),
    "text": (Example.text, Example.id),
    "-text": (Example.text.desc(), Example.id.desc()),
    "intent": (Example.intent, Example.id),
    "-intent": (Example.intent.desc(), Example.id.desc()),
}
SORTS = tuple(_ORDERS)
_AT_ONCE = 2000  # rows are made into examples for so long that nobody else notices


async def page(
    session: Session,
    dataset_id: str,
    *,
    owner_id: int,
    limit: int,
    offset: int = 0,
    intent: str = "",
    text: str = "",
    language: str = "",
    sort: str = "id",
) -> tuple[list[Example], int]:
    """Examples of a dataset, and how many fit in all. `text` finds what contains it, whatever the case.

    `sort` is one of SORTS; `id` is the order in which they came, a minus turns it round.
    """
    dataset = await datasets.get(session, dataset_id, owner_id=owner_id)
    if sort not in _ORDERS:
        raise Invalid(f"Examples are sorted by one of {', '.join(SORTS)}.", details={"field": "sort"})
    fitting = [Example.dataset_id == dataset_id]
    if intent:
        fitting.append(Example.intent == intent)
    if text:
        fitting.append(Example.text.icontains(text, autoescape=True))
    if language:
        fitting.append(Example.language == ("" if language == dataset.language else language))
    query = select(Example).where(*fitting).order_by(*_ORDERS[sort]).limit(limit).offset(offset)
    rows = list(await session.scalars(query))
    if len(fitting) == 1:
        return rows, dataset.example_count
    total = await session.scalar(select(func.count()).select_from(Example).where(*fitting))
    return rows, int(total or 0)


async def whole(session: Session, dataset_id: str) -> AsyncIterator[Sequence[tuple[int, NewExample]]]:
    """All examples of a dataset whose owner is known already, with their ids, in the order in which they came.

    They come in pieces, between which others have their turn: there may be a hundred thousand.
    """
    columns = Example.id, Example.text, Example.intent, Example.entities, Example.language
    query = select(*columns).where(Example.dataset_id == dataset_id).order_by(Example.id).limit(_AT_ONCE)
    last = 0
    while rows := (await session.execute(query.where(Example.id > last))).all():
        last = rows[-1][0]
        yield [
            (id_, NewExample(text=text, intent=intent, entities=entities, language=language))
            for id_, text, intent, entities, language in rows
        ]


async def intents(session: Session, dataset_id: str, *, owner_id: int) -> dict[str, int]:
    """How many examples each intent has, by name; those with a response only have none."""
    dataset = await datasets.get(session, dataset_id, owner_id=owner_id)
    query = select(Example.intent, func.count()).where(Example.dataset_id == dataset_id)
    found = {name: int(number) for name, number in await session.execute(query.group_by(Example.intent))}
    counts = dict.fromkeys(dataset.responses, 0) | found
    return {name: counts[name] for name in sorted(counts)}


async def get(session: Session, dataset_id: str, example_id: int, *, owner_id: int) -> Example:
    """One example. Raises NotFound, also for another dataset's."""
    await datasets.get(session, dataset_id, owner_id=owner_id)
    return await datasets.example_of(session, dataset_id, example_id)
