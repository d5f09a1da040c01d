"""Messages by thread, as a person reads them."""

from dataclasses import dataclass

from botyard.core.ingest.reader import Row, StreamReader
from botyard.features.fleet.records import decoded

_RECENT = 2000  # messages that the list of threads is drawn from; older threads are found by searching

_THREADS = """SELECT thread_id, MAX(id) AS last, COUNT(*) AS rows FROM
 (SELECT id, thread_id FROM messages WHERE bot_id = :bot_id ORDER BY id DESC LIMIT :recent) AS recent
 GROUP BY thread_id ORDER BY last DESC LIMIT :limit"""
_BY_ID = "SELECT * FROM messages WHERE id = :id"
_OF_THREAD = """SELECT * FROM messages WHERE bot_id = :bot_id AND thread_id = :thread_id AND id < :before
 ORDER BY id DESC LIMIT :limit"""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of a bot and its last message."""

    id: str
    type: str
    last: Row


async def list_threads(reader: StreamReader, *, bot_id: str, limit: int = 30) -> list[Thread]:
    """Threads of a bot's last messages, the liveliest first."""
    params = {"bot_id": bot_id, "recent": _RECENT, "limit": limit}
    found = []
    for head in await reader.scan(_THREADS, params):
        (row,) = await reader.query(_BY_ID, {"id": head["last"]})
        found.append(Thread(head["thread_id"], row["thread_type"], decoded(row)))
    return found


async def messages(
    reader: StreamReader, *, bot_id: str, thread_id: str, limit: int = 100, before_id: int = 2**62
) -> list[Row]:
    """Messages of one thread, newest first."""
    params = {"bot_id": bot_id, "thread_id": thread_id, "before": before_id, "limit": limit}
    return [decoded(row) for row in await reader.scan(_OF_THREAD, params)]
