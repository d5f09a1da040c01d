"""What listeners remember of a deleted bot's rows must not hide the rows of others."""

from botyard.core.ingest.retention import delete_in_chunks
from botyard.features.fleet import records
from botyard.features.fleet.types import NewLog, NewMessage
from tests.features.fleet.fleet import BOT, OWNER, Fleet


async def _say(fleet: Fleet, bot_id: str, text: str) -> None:
    await records.append_logs(
        fleet.writer, bot_id=bot_id, owner_id=OWNER, logs=[NewLog(type="info", message=text)]
    )
    message = NewMessage(message=text, author_id="a", author_name="a", thread_id="t", thread_type="USER")
    await records.append_messages(fleet.writer, bot_id=bot_id, owner_id=OWNER, messages=[message])


async def test_rows_after_a_deletion_are_heard_live_and_after_a_reconnect(fleet: Fleet) -> None:
    for number in range(3):
        await _say(fleet, "bot_b", f"gone {number}")
    cursor = fleet.hub.cursor()
    async with fleet.hub.subscribe(owner_id=OWNER) as live:
        for table in ("logs", "messages"):
            assert await delete_in_chunks(fleet.writer, table, "bot_id = :bot_id", {"bot_id": "bot_b"}) == 3
        await _say(fleet, BOT, "still heard")
        heard = [(await anext(live)).event, (await anext(live)).event]
    assert [event.message for event in heard] == ["still heard", "still heard"]  # type: ignore[attr-defined]
    async with fleet.hub.subscribe(owner_id=OWNER, since=cursor) as returned:
        again = [(await anext(returned)).event, (await anext(returned)).event]
        assert all(event in heard for event in again)
