"""What the inbox teaches: misunderstood messages become examples of an intent, in the chatbot's own dataset."""

from collections.abc import Sequence
from typing import Any

from botyard.core.ingest.reader import StreamReader
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import datasets, example_table
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.examples import MAX_TEXT, NewExample
from botyard.features.chatbots.models import Chatbot, Dataset
from botyard.kit.db import Session

_PART = 200
_TEXTS = """SELECT id, text FROM conversation_events WHERE chatbot_id = :chatbot_id AND owner_id = :owner_id
 AND review = 'open' AND id IN ({ids}) ORDER BY id"""


async def texts(
    reader: StreamReader, chatbot_id: str, event_ids: Sequence[int], *, owner_id: int
) -> dict[int, str]:
    """What the messages say, by their ids; those that somebody has looked at already are left out."""
    found: dict[int, str] = {}
    for start in range(0, len(event_ids), _PART):
        part = event_ids[start : start + _PART]
        params: dict[str, Any] = {f"i{at}": one for at, one in enumerate(part)}
        sql = _TEXTS.format(ids=", ".join(f":{name}" for name in params))
        params |= {"chatbot_id": chatbot_id, "owner_id": owner_id}
        found |= {row["id"]: row["text"] for row in await reader.query(sql, params)}
    return found


async def add(session: Session, chatbot_id: str, said: Sequence[str], *, owner_id: int, intent: str) -> int:
    """Add texts as examples of an intent, new or not, and answer how many the dataset did not have.

    A chatbot without a dataset gets one. Raises NoSuchChatbot, Invalid.
    """
    dataset_id = await _ensure_dataset(session, chatbot_id, owner_id)
    examples = [NewExample(text=text[:MAX_TEXT], intent=intent) for text in said]
    return await datasets.add_examples(
        session, dataset_id, owner_id=owner_id, examples=examples, source="inbox", skip_known=True
    )


async def intents(session: Session, chatbot_id: str, *, owner_id: int) -> list[str]:
    """Every intent that is written or trained, by name."""
    content, _ = await chatbots.read_content(session, chatbot_id, owner_id=owner_id)
    found = set(content.intents) | {intent for flow in content.flows for intent in flow.intents}
    chatbot = await chatbots.get(session, chatbot_id, owner_id=owner_id)
    if (dataset := await _dataset(session, chatbot.dataset_id, owner_id)) is not None:
        found |= set(await example_table.intents(session, dataset.id, owner_id=owner_id))
    return sorted(found)


def answers(content: contents.Content, intent: str) -> bool:
    """Whether anything is written that an intent leads to."""
    known = content.intents.get(intent)
    called = intent in content.settings.handover.intents
    return called or bool(known and known.response) or any(intent in flow.intents for flow in content.flows)


async def _dataset(session: Session, dataset_id: str | None, owner_id: int) -> Dataset | None:
    found = await session.get(Dataset, dataset_id) if dataset_id else None
    return found if found is not None and found.owner_id == owner_id else None


async def _ensure_dataset(session: Session, chatbot_id: str, owner_id: int) -> str:
    row: Chatbot = await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    found = await _dataset(session, row.dataset_id, owner_id)
    if found is None:
        bot = await chatbots.get(session, chatbot_id, owner_id=owner_id)
        language = contents.read(row.content).language
        found = await datasets.create(session, owner_id=owner_id, name=bot.name, language=language)
        row.dataset_id = found.id
    return found.id
