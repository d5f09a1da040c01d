"""Correcting examples: another text, another intent, away with it; one, many, or whole intents."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, delete, update

from botyard.features.chatbots.datasets import example_of, hold, in_batches, mark_changed
from botyard.features.chatbots.examples import NewExample, checked, intent_problem, values_of
from botyard.features.chatbots.models import Example
from botyard.kit.db import Session
from botyard.kit.errors import Invalid


async def edit(
    session: Session,
    dataset_id: str,
    example_id: int,
    *,
    owner_id: int,
    text: str | None = None,
    intent: str | None = None,
    entities: list[dict[str, Any]] | None = None,
    language: str | None = None,
) -> Example:
    """Change what is given of one example. A new text without entities takes the old marks away."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    row = await example_of(session, dataset_id, example_id)
    marks = (
        entities if entities is not None else ([] if text is not None and text != row.text else row.entities)
    )
    wanted = NewExample(
        text=row.text if text is None else text,
        intent=row.intent if intent is None else intent,
        entities=marks,
        language=row.language if language is None else language,
    )
    for name, value in values_of(checked([wanted])[0]).items():
        setattr(row, name, value)
    mark_changed(dataset)
    return row


async def remove(session: Session, dataset_id: str, example_ids: Sequence[int], *, owner_id: int) -> int:
    """Remove examples and answer how many there were."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    gone = 0
    for chunk in in_batches(example_ids):
        ours = Example.dataset_id == dataset_id, Example.id.in_(chunk)
        gone += await _affected(session, delete(Example).where(*ours))
    dataset.example_count -= gone
    mark_changed(dataset)
    return gone


async def move(
    session: Session, dataset_id: str, example_ids: Sequence[int], *, owner_id: int, intent: str
) -> int:
    """Let examples mean another intent, which may be new; answers how many there were."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    name = _intent(intent)
    moved = 0
    for chunk in in_batches(example_ids):
        ours = Example.dataset_id == dataset_id, Example.id.in_(chunk)
        moved += await _affected(session, update(Example).where(*ours).values(intent=name))
    mark_changed(dataset)
    return moved


async def merge_intents(
    session: Session, dataset_id: str, intents: Sequence[str], *, owner_id: int, into: str
) -> int:
    """Give all examples of some intents the name `into`, new or not; answers how many were renamed.

    The reply of the first of them goes along where `into` has none. One intent is a plain renaming.
    """
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    name = _intent(into)
    others = [each for each in intents if each != name]
    ours = Example.dataset_id == dataset_id, Example.intent.in_(others)
    renamed = await _affected(session, update(Example).where(*ours).values(intent=name))
    replies = {intent: reply for intent, reply in dataset.responses.items() if intent not in others}
    for intent in others:
        if intent in dataset.responses:
            replies.setdefault(name, dataset.responses[intent])
    dataset.responses = replies
    mark_changed(dataset)
    return renamed


async def delete_intent(session: Session, dataset_id: str, intent: str, *, owner_id: int) -> int:
    """Remove an intent with its examples and its reply; answers how many examples there were."""
    dataset = await hold(session, dataset_id, owner_id=owner_id)
    ours = Example.dataset_id == dataset_id, Example.intent == intent
    gone = await _affected(session, delete(Example).where(*ours))
    dataset.example_count -= gone
    dataset.responses = {key: reply for key, reply in dataset.responses.items() if key != intent}
    mark_changed(dataset)
    return gone


async def _affected(session: Session, statement: Executable) -> int:
    return cast("CursorResult[Any]", await session.execute(statement)).rowcount


def _intent(name: str) -> str:
    if problem := intent_problem(name):
        raise Invalid(f"The example {problem}.", details={"field": "intent"})
    return name.strip()
