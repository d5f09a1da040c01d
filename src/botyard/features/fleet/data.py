"""What a bot syncs of its world: friends, groups and the like; the last picture stands."""

from dataclasses import dataclass
from typing import Any

import msgspec

from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.writer import Tx, Writer
from botyard.features.fleet.events import DataSynced
from botyard.kit.errors import Invalid

MAX_SYNC = 2**20
_UPSERT = """INSERT INTO synced_data (bot_id, owner_id, data, updated_us) VALUES (:bot_id, :owner_id, :data, :now)
 ON CONFLICT (bot_id) DO UPDATE SET data = :data, updated_us = :now"""


@dataclass(frozen=True, slots=True)
class Synced:
    """The last picture and when it came, in microseconds since 1970; both None before the first."""

    data: dict[str, Any] | None
    updated_us: int | None


async def sync(
    writer: Writer, *, bot_id: str, owner_id: int, data: dict[str, Any], key: RequestKey | None = None
) -> None:
    """Replace the bot's picture of its world; the same `key` again changes nothing.

    Raises Invalid for one that is too large, KeyReused.
    """
    content = msgspec.json.encode(data)
    if len(content) > MAX_SYNC:
        raise Invalid(
            f"What a bot syncs has together at most {MAX_SYNC // 2**20} MiB as JSON; leave out what is not needed."
        )
    text = content.decode()

    def operation(tx: Tx) -> None:
        if key is not None and tx.claim(key) is not None:
            return
        tx.execute(_UPSERT, {"bot_id": bot_id, "owner_id": owner_id, "data": text, "now": tx.now_us})
        tx.emit(DataSynced(owner_id=owner_id, bot_id=bot_id, data=data))

    await writer.run(operation)


async def get(reader: StreamReader, *, bot_id: str) -> Synced:
    """The bot's last picture."""
    rows = await reader.query(
        "SELECT data, updated_us FROM synced_data WHERE bot_id = :bot_id", {"bot_id": bot_id}
    )
    if not rows:
        return Synced(None, None)
    return Synced(msgspec.json.decode(rows[0]["data"]), rows[0]["updated_us"])
