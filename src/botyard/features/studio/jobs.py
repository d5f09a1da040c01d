"""Durable work of publishing: posting and deleting, each at most once whatever is interrupted; and tidying up."""

from collections.abc import Awaitable, Callable
from typing import Any

from botyard.core.bots.models import Bot
from botyard.core.jobs import JobContext, Outcome, Receipt, Unrecoverable, Verdict, effects, job, recurring
from botyard.features.studio import connect
from botyard.features.studio.calls import Line, paid
from botyard.features.studio.platform import Post, RateLimited
from botyard.kit import clock

RETRIES = 8  # some nine minutes of a platform that cannot be reached
NOTE_LENGTH = 400
_PAUSES = 20  # times that a platform may put one job off


def post_key(bot_id: str, intent: str) -> str:
    """The business key of one wish to post."""
    return f"post:{bot_id}:{intent}"


def delete_key(bot_id: str, post_id: str) -> str:
    """The business key of taking one post back."""
    return f"unpost:{bot_id}:{post_id}"


@job("studio.publish", queue="publish", retries=RETRIES)
async def publish(
    ctx: JobContext, *, bot_id: str, intent: str, text: str, made_with_ai: bool = False
) -> dict[str, Any]:
    """Publish one text. A run that was cut off looks on the platform before it does anything."""
    await ctx.progress(0, 1, text[:NOTE_LENGTH])
    line = await _line(ctx, bot_id)
    platform, post = line.platform, Post(text, made_with_ai)
    key = post_key(bot_id, intent)

    async def send() -> Receipt:
        return await paid(line, platform.call_for(post), lambda keys: platform.post(keys, post, key))

    async def look() -> Receipt | Verdict:
        async with ctx.db.session() as session:
            begun_at = (await effects.get(session, key)).started_at or clock.now()
        await clock.sleep(platform.settles_s)
        return await paid(line, "lookup", lambda keys: platform.lookup(keys, post, begun_at))

    content = {"text": text, "made_with_ai": made_with_ai}
    outcome = await _at_most_once(ctx, line, key, "post", content, send, look)
    await ctx.progress(1, 1, text[:NOTE_LENGTH])
    return {"post_id": outcome.external_id, "reconciled": outcome.reconciled}


@job("studio.unpost", queue="publish", retries=RETRIES)
async def unpost(ctx: JobContext, *, bot_id: str, post_id: str) -> dict[str, Any]:
    """Take one post back. A post that can still be read after an interruption was not deleted."""
    line = await _line(ctx, bot_id)
    platform, key = line.platform, delete_key(bot_id, post_id)

    async def send() -> Receipt:
        return await paid(line, "delete", lambda keys: platform.delete(keys, post_id))

    async def look() -> Receipt | Verdict:
        await clock.sleep(platform.settles_s)
        there = await paid(line, "exists", lambda keys: platform.exists(keys, post_id))
        return Verdict.absent if there else Receipt(post_id, {"deleted": True})

    outcome = await _at_most_once(ctx, line, key, "unpost", {"post_id": post_id}, send, look)
    return {"post_id": post_id, "reconciled": outcome.reconciled}


@recurring("studio.tidy", cron="41 * * * *")
async def tidy(ctx: JobContext) -> int:
    """Remove what was kept for consents that nobody gave in time. Safe to run twice."""
    return await connect.forget_lost(ctx.db)


async def _line(ctx: JobContext, bot_id: str) -> Line:
    async with ctx.db.reader() as session:
        bot = await session.get(Bot, bot_id)
    if bot is None:
        raise Unrecoverable("The bot was deleted before this left.")
    return Line.of(ctx.db, bot)


async def _at_most_once(
    ctx: JobContext,
    line: Line,
    key: str,
    kind: str,
    content: dict[str, Any],
    send: Callable[[], Awaitable[Receipt]],
    look: Callable[[], Awaitable[Receipt | Verdict]],
) -> Outcome:
    """The effect, waiting as long as the platform says where it takes no more calls for now."""
    for pause in range(_PAUSES + 1):
        try:
            return await effects.once(
                ctx,
                key=key,
                kind=kind,
                account_id=line.bot.owner_id,
                request_hash=effects.fingerprint(content),
                call=send,
                reconcile=look,
            )
        except RateLimited as limited:
            if pause == _PAUSES:
                raise
            await clock.sleep(limited.retry_after_s or 1.0)
    raise AssertionError("the last pause raises")
