"""What of a chatbot waits for a person, from counters: it costs the same however much was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botyard.core.ingest.reader import Row, StreamReader
from botyard.features.chatbots.conversation_types import Conversation

_COUNTS = """SELECT name, value FROM conversation_counts WHERE chatbot_id = :chatbot_id AND day = 0
 AND version_id = '' AND name IN ('waiting', 'inbox')"""
_LAST = "SELECT conversation_id, kind, text FROM conversation_events WHERE {where}"


@dataclass(frozen=True, slots=True)
class ToDo:
    """Conversations that wait for a person, and messages that nobody has looked at."""

    waiting: int = 0
    misunderstood: int = 0


async def to_do(reader: StreamReader, chatbot_id: str) -> ToDo:
    """How much there is for people to do."""
    found = {
        row["name"]: int(row["value"]) for row in await reader.query(_COUNTS, {"chatbot_id": chatbot_id})
    }
    return ToDo(found.get("waiting", 0), found.get("inbox", 0))


async def last_events(reader: StreamReader, conversations: Sequence[Conversation]) -> dict[str, Row]:
    """What happened last in each conversation, by its id, as rows of `conversation_id, kind, text`."""
    if not conversations:
        return {}
    pairs = [f"(conversation_id = :c{at} AND seq = :s{at})" for at in range(len(conversations))]
    params: dict[str, Any] = {}
    for at, one in enumerate(conversations):
        params |= {f"c{at}": one.id, f"s{at}": one.seq}
    rows = await reader.query(_LAST.format(where=" OR ".join(pairs)), params)
    return {row["conversation_id"]: row for row in rows}
