"""The inbox: messages that a chatbot did not understand for certain, for somebody to look at and learn from.

Those of trials are here only where somebody marked the answer as wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.ingest.writer import Tx, Writer
from botyard.features.chatbots.conversation_types import TRIAL, details
from botyard.features.chatbots.counting import count_inbox

MAX_PAGE = 500
_OPEN = """SELECT e.*, c.environment FROM conversation_events e LEFT JOIN conversations c ON c.id = e.conversation_id
 WHERE e.chatbot_id = :chatbot_id AND e.review = 'open' AND e.id < :before
 AND e.owner_id = :owner_id ORDER BY e.id DESC LIMIT :limit"""
_COUNT = """SELECT COALESCE(SUM(value), 0) AS open FROM conversation_counts WHERE chatbot_id = :chatbot_id
 AND day = 0 AND version_id = '' AND name = 'inbox' AND owner_id = :owner_id"""
_DONE = """UPDATE conversation_events SET review = 'done' WHERE id = :id AND chatbot_id = :chatbot_id
 AND owner_id = :owner_id AND review = 'open'"""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """A message to look at. `why`: not understood, unsure, handover, loop or thumbs down."""

    id: int  # pages go by it
    message_id: str
    conversation_id: str
    text: str
    at_us: int
    intent: str | None
    confidence: float | None
    candidates: Sequence[tuple[str, float]]
    version_id: str | None
    why: str
    trial: bool


async def list_open(
    reader: StreamReader, chatbot_id: str, *, owner_id: int, limit: int = 100, before: int = 2**62
) -> list[Misunderstood]:
    """Messages that nobody has looked at, newest first; `before` is the last id of the page before."""
    params = {
        "chatbot_id": chatbot_id,
        "owner_id": owner_id,
        "before": before,
        "limit": min(limit, MAX_PAGE),
    }
    return [_of(row) for row in await reader.scan(_OPEN, params)]


async def count_open(reader: StreamReader, chatbot_id: str, *, owner_id: int) -> int:
    """How many there are; a counter knows."""
    [row] = await reader.query(_COUNT, {"chatbot_id": chatbot_id, "owner_id": owner_id})
    return int(row["open"])


async def mark_done(writer: Writer, chatbot_id: str, event_ids: Sequence[int], *, owner_id: int) -> int:
    """Take messages off the list; answers how many were on it. Those of others count for nothing."""

    def operation(tx: Tx, part: Sequence[int]) -> int:
        params: dict[str, Any] = {"chatbot_id": chatbot_id, "owner_id": owner_id}
        done = sum(tx.execute(_DONE, params | {"id": one}) for one in part)
        count_inbox(tx, chatbot_id, owner_id, -done)
        return done

    parts = [event_ids[at : at + 200] for at in range(0, len(event_ids), 200)]
    return sum([await writer.run(partial(operation, part=part), rows=len(part)) for part in parts])


def _of(row: Row) -> Misunderstood:
    trace = details(row).get("trace", [])
    read: dict[str, Any] = next((part for part in trace if part.get("type") == "understood"), {})
    why = next((part["why"] for part in trace if part.get("type") == "missed"), "")
    return Misunderstood(
        id=row["id"],
        message_id=row["event_id"],
        conversation_id=row["conversation_id"],
        text=row["text"],
        at_us=row["at_us"],
        intent=read.get("intent") or row["intent"],
        confidence=read.get("confidence") or row["confidence"],
        candidates=[(name, share) for name, share in read.get("candidates", [])],
        version_id=row["version_id"],
        why=why or ("thumbs down" if read.get("how", "nothing") != "nothing" else "not understood"),
        trial=row["environment"] == TRIAL,
    )
