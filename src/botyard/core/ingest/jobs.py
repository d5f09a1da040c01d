"""Keeping lines of every kind only as long as the settings say."""

from botyard.core.ingest.retention import delete_older, kept_as_logs
from botyard.core.ingest.writer import Writer
from botyard.core.jobs import JobContext, recurring
from botyard.settings import Settings


@recurring("ingest.retention", cron="17 3 * * *")
async def retain(ctx: JobContext) -> dict[str, int]:
    """Remove logs and messages, of bots and of services, that are older than the settings keep them."""
    writer, days = ctx.db.parts.get(Writer), ctx.db.parts.get(Settings).log_retention_days
    return {table: await delete_older(writer, table, days=days) for table in kept_as_logs()}
