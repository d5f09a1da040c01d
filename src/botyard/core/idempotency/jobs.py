"""Forgets old idempotency keys."""

from botyard.core.idempotency.service import cleanup
from botyard.core.jobs import JobContext, recurring


@recurring("idempotency.cleanup", cron="23 * * * *")
async def forget_old_keys(ctx: JobContext) -> int:
    """Remove keys older than 24 hours; says how many. May run any number of times."""
    async with ctx.db.session() as session:
        return await cleanup(session)
