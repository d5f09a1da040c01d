"""Messages by thread."""

from botyard.features.fleet import records, threads
from botyard.features.fleet.types import NewMessage
from tests.features.fleet.fleet import BOT, OWNER, Fleet


async def say(fleet: Fleet, thread: str, *texts: str, bot_id: str = BOT) -> None:
    """Store messages of a thread, one after the other."""
    for text in texts:
        message = NewMessage(text, "7", "Bo", thread, "GROUP")
        await records.append_messages(fleet.writer, bot_id=bot_id, owner_id=OWNER, messages=[message])


async def test_the_liveliest_thread_is_first_with_its_last_message(fleet: Fleet) -> None:
    await say(fleet, "family", "one", "two")
    await say(fleet, "work", "three")
    await say(fleet, "family", "four")
    await say(fleet, "others", "not ours", bot_id="bot_b")

    found = await threads.list_threads(fleet.reader, bot_id=BOT)

    assert [(thread.id, thread.last["message"]) for thread in found] == [
        ("family", "four"),
        ("work", "three"),
    ]
    assert found[0].type == "GROUP"


async def test_a_thread_is_read_backwards_page_by_page(fleet: Fleet) -> None:
    await say(fleet, "family", "one", "two", "three")
    await say(fleet, "work", "beside")

    first = await threads.messages(fleet.reader, bot_id=BOT, thread_id="family", limit=2)
    second = await threads.messages(
        fleet.reader, bot_id=BOT, thread_id="family", limit=2, before_id=first[-1]["id"]
    )

    assert [row["message"] for row in (*first, *second)] == ["three", "two", "one"]


async def test_a_bot_without_messages_has_no_threads(fleet: Fleet) -> None:
    assert await threads.list_threads(fleet.reader, bot_id=BOT) == []
