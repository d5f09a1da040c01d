"""Keeping the engine's own tables small."""

import asyncio
from datetime import timedelta

from botyard.core.jobs import effects, service
from botyard.core.jobs.context import JobContext
from botyard.core.jobs.dispatch import Dispatch
from botyard.core.jobs.registry import recurring
from botyard.core.jobs.types import JobState
from botyard.kit import clock

KEPT = {
    (JobState.done, JobState.cancelled): timedelta(days=7),
    (JobState.failed,): timedelta(days=30),
}
EFFECTS_KEPT = timedelta(days=400)  # a key that was used must stay known for as long as anybody may repeat it
RUNS_KEPT = timedelta(days=1)  # DBOS' record of a run says nothing that ours does not
BATCH = 500


@recurring("jobs.retention", cron="23 * * * *")
async def retention(ctx: JobContext) -> dict[str, int]:
    """Remove what ended long ago. Safe to run twice."""
    now = clock.now()
    count = {"jobs": 0, "effects": 0, "runs": 0}
    for states, age in KEPT.items():
        while True:
            async with ctx.db.session() as session:
                gone = await service.purge(session, states=states, before=now - age, limit=BATCH)
            count["jobs"] += gone
            if gone < BATCH:
                break
    async with ctx.db.session() as session:
        count["effects"] = await effects.purge(session, before=now - EFFECTS_KEPT, limit=10 * BATCH)
    dispatch = ctx.db.parts.find(Dispatch)
    if dispatch is not None:
        count["runs"] = await asyncio.to_thread(dispatch.client.purge, now - RUNS_KEPT)
    return count
