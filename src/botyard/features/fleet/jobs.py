"""Durable work of the fleet: clearing up after deleted bots, and keeping only what retention allows."""

from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.ingest.retention import delete_in_chunks, keep_as_logs
from botyard.core.ingest.writer import Writer
from botyard.core.jobs import JobContext, job, recurring
from botyard.features.fleet import presence
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.settings import Settings

_DAY = 24 * 3600 * 1_000_000
_OF_BOT = ("logs", "messages", "commands", "synced_data", "tallies")


async def clear_bot(writer: Writer, bot_id: str) -> int:
    """Remove every row of a bot in small bites; answers how many. Safe to repeat."""
    gone = await presence.forget_deleted(writer, bot_id)
    return gone + sum(
        [await delete_in_chunks(writer, table, "bot_id = :bot_id", {"bot_id": bot_id}) for table in _OF_BOT]
    )


@job("fleet.clear_bot", queue="maintenance", retries=5)
async def clear_deleted_bot(ctx: JobContext, *, bot_id: str) -> int:
    """Clear a deleted bot once more, for what the request could not finish or what came in meanwhile."""
    return await clear_bot(ctx.db.parts.get(Writer), bot_id)


async def clean_up(session: Session, bot: Bot) -> None:
    """With the deletion of a bot: its rows go right after the commit, and a job makes sure of it."""
    bot_id = bot.id
    await clear_deleted_bot.enqueue(session, key=f"fleet.clear_bot:{bot_id}", delay_s=30, bot_id=bot_id)

    async def clear(session: Session) -> None:
        watch = session.find_part(presence.Presence)
        if watch is not None:
            watch.forget(bot_id)
        writer = session.find_part(Writer)
        if writer is not None:
            await clear_bot(writer, bot_id)

    session.after_commit(clear)


bots.on_delete(BotKind.fleet, clean_up)


# Logs and messages go with the lines of everybody else (`core.ingest.jobs`).
keep_as_logs("logs", "messages")


@recurring("fleet.retention", cron="17 3 * * *")
async def retain(ctx: JobContext) -> dict[str, int]:
    """Remove finished commands that are older than the settings keep them."""
    writer, settings = ctx.db.parts.get(Writer), ctx.db.parts.get(Settings)
    finished = clock.now_us() - settings.command_retention_days * _DAY
    found = "completed_us < :before AND state IN ('completed', 'failed', 'cancelled', 'expired')"
    return {"commands": await delete_in_chunks(writer, "commands", found, {"before": finished})}
