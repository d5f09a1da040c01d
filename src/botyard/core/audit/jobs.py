"""The hourly head of the log, kept in a file of the data folder."""

from botyard.core.audit import anchors
from botyard.core.jobs import JobContext, recurring
from botyard.settings import Settings


@recurring("audit.anchor", cron="7 * * * *")
async def anchor_head(ctx: JobContext) -> None:
    """Append the present head to the file; repeating it changes nothing."""
    async with ctx.db.reader() as session:
        await anchors.anchor(session, session.part(Settings).data_dir / anchors.FILE)
