"""Durable work of the registry: what a deleted bot leaves in the logs of events."""

from botyard.core.bots.events import BotDeleted
from botyard.core.jobs import JobContext, job
from botyard.core.realtime.forgetting import forget
from botyard.core.realtime.jobs import HEARD_AFTER_S
from botyard.kit.db import Session

_KEPT = frozenset({BotDeleted.name})


@job("bots.forget_events", queue="maintenance", retries=5)
async def forget_events(ctx: JobContext, *, user_id: int, bot_id: str) -> int:
    """Remove the live events of a deleted bot, which hold what it did and said; only that it is gone stays."""
    return await forget(ctx.db, owner_id=user_id, bot_id=bot_id, keep=_KEPT)


async def forget_soon(session: Session, *, owner_id: int, bot_id: str) -> None:
    """With the deletion of a bot; somewhat later, when every process has heard its last events."""
    await forget_events.enqueue(
        session,
        key=f"bots.forget_events:{bot_id}",
        delay_s=HEARD_AFTER_S,
        user_id=owner_id,
        bot_id=bot_id,
    )
