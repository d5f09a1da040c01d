"""Durable work of conversations: clearing up after deleted chatbots, answers that a crash left open."""

from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.ingest.retention import delete_in_chunks
from botyard.core.ingest.writer import Writer
from botyard.core.jobs import JobContext, job, recurring
from botyard.features.chatbots import outside, sending
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.kit.db import Session

_OF_CHATBOT = ("conversations", "conversation_events", "conversation_counts")
_CRASHED_S = outside.OUTSIDE_S + 20.0  # no process works on one thing for so long


async def clear_chatbot(writer: Writer, chatbot_id: str) -> int:
    """Remove every conversation of a chatbot in small bites, and what was counted; answers how many rows.

    Safe to repeat.
    """
    found, params = "chatbot_id = :chatbot_id", {"chatbot_id": chatbot_id}
    return sum([await delete_in_chunks(writer, table, found, params) for table in _OF_CHATBOT])


@job("chatbots.clear_conversations", queue="maintenance", retries=5)
async def clear_deleted_chatbot(ctx: JobContext, *, chatbot_id: str) -> int:
    """Clear a deleted chatbot once more, for what the request could not finish or what came in meanwhile."""
    return await clear_chatbot(ctx.db.parts.get(Writer), chatbot_id)


async def clean_up(session: Session, bot: Bot) -> None:
    """With the deletion of a chatbot, also by its account's: its rows go after the commit, a job makes sure."""
    chatbot_id = bot.id
    await clear_deleted_chatbot.enqueue(
        session, key=f"chatbots.clear_conversations:{chatbot_id}", delay_s=30, chatbot_id=chatbot_id
    )

    async def clear(session: Session) -> None:
        writer = session.find_part(Writer)
        if writer is not None:
            await clear_chatbot(writer, chatbot_id)

    session.after_commit(clear)


bots.on_delete(BotKind.chatbot, clean_up)


@recurring("chatbots.open_answers", cron="*/5 * * * *")
async def finish_open_answers(ctx: JobContext) -> int:
    """Make the answers that a crash left open; answers how many were taken up."""
    chat = ctx.db.parts.find(ChatRuntime)
    if chat is None:
        return 0
    # On SQLite this process is the only one, and it knows what it works on itself.
    return await sending.resume(chat, older_than_s=0 if ctx.db.embedded else _CRASHED_S)
