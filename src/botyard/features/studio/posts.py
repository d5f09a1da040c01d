"""Posts of a bot: asking for one, cancelling or taking it back, and what became of each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.bots.models import Bot
from botyard.core.jobs import EffectInfo, EffectState, JobInfo, JobState, effects, queries
from botyard.core.jobs import service as job_service
from botyard.core.jobs.errors import NoSuchEffect
from botyard.features.studio import spend
from botyard.features.studio.jobs import delete_key, post_key, publish, unpost
from botyard.features.studio.platform import Post
from botyard.features.studio.registry import Platforms
from botyard.kit import clock
from botyard.kit.db import Session
from botyard.kit.errors import Conflict, Invalid, NotFound

_INTENT = re.compile(r"[0-9A-Za-z_-]{8,64}")
_POST_ID = re.compile(r"[0-9]{1,19}")
_MOST = 100
_WENT_WRONG = (JobState.failed, JobState.cancelled)


@dataclass(frozen=True, slots=True)
class PostInfo:
    """One post as people see it. `state`: waiting, sending, checking, published, refused, unknown, deleting,
    deleted. One that waits is `behind` what the bot does at the moment, or its next try is `due_at`."""

    intent: str
    state: str
    text: str
    post_id: str
    url: str
    error: str
    at: datetime
    job_id: str
    behind: bool = False
    due_at: datetime | None = None


async def ask(
    session: Session,
    bot: Bot,
    *,
    text: str,
    intent: str,
    actor: Principal,
    made_with_ai: bool = False,
    address: str = "",
) -> str:
    """Have a text published and answer the job's id; it leaves after the commit.

    `intent` is the wish: asked for twice, it is one post. Raises Invalid for what the platform would not take,
    PlatformOff, and SpendCapReached where nothing is left for it.
    """
    if not _INTENT.fullmatch(intent):
        raise Invalid("The form of this post is not whole; open the page again.")
    platform = session.part(Platforms).get(str(bot.kind))
    spend.require_enabled(session, platform.platform)
    post, key = Post(text, made_with_ai), post_key(bot.id, intent)
    platform.check(post)
    if await queries.find(session, key=key) is None:
        await spend.require_room(session, platform.platform, platform.prices[platform.call_for(post)].usd)
    await _audit(session, bot, "post.asked", actor, address, intent=intent)
    return await publish.enqueue(
        session,
        key=key,
        partition=bot.id,
        owner_id=bot.owner_id,
        bot_id=bot.id,
        intent=intent,
        text=text,
        made_with_ai=made_with_ai,
    )


async def take_back(session: Session, bot: Bot, post_id: str, *, actor: Principal, address: str = "") -> str:
    """Have a post of this bot deleted and answer the job's id.

    Raises NotFound for a post that it did not make, PlatformOff, and SpendCapReached where nothing is left for it.
    """
    platform = session.part(Platforms).get(str(bot.kind))
    spend.require_enabled(session, platform.platform)
    if post_id not in {post.post_id for post in await list_posts(session, bot)}:
        raise NotFound("This bot has no such post.")
    key = delete_key(bot.id, post_id)
    before = await queries.find(session, key=key)
    if before is None or before.state in _WENT_WRONG:
        await spend.require_room(session, platform.platform, platform.prices["delete"].usd)
    await _audit(session, bot, "post.delete_asked", actor, address, post_id=post_id)
    job_id = await unpost.enqueue(
        session, key=key, partition=bot.id, owner_id=bot.owner_id, bot_id=bot.id, post_id=post_id
    )
    if before is not None and before.state in _WENT_WRONG:  # asked for again
        await job_service.retry(session, job_id)
    return job_id


async def cancel(session: Session, bot: Bot, intent: str, *, actor: Principal, address: str = "") -> None:
    """Let a post that waits not be sent. Cancelling twice changes nothing.

    Raises NotFound, and Conflict once it has begun to be sent: nobody could say then whether it happened.
    """
    key = post_key(bot.id, intent)
    job = await queries.find(session, key=key)
    if job is None:
        raise NotFound("This bot has no such post.")
    await job_service.get(
        session, job.id, lock=True
    )  # so that it does not begin between the look and the end
    try:
        begun = (await effects.get(session, key)).state is not EffectState.prepared
    except NoSuchEffect:
        begun = False
    if begun:
        raise Conflict("This post has begun to be sent, so it cannot be cancelled any more.")
    await job_service.cancel(session, job.id)
    await _audit(session, bot, "post.cancelled", actor, address, intent=intent)


async def settle(
    session: Session,
    bot: Bot,
    intent: str,
    *,
    happened: bool,
    actor: Principal,
    link: str = "",
    address: str = "",
) -> None:
    """A person looked: the post is there, under this link or number, or it is not and is sent again.

    Raises NotFound, Conflict where nothing was open, and Invalid for a link without a post's number.
    """
    effect = next(
        (e for e in await _effects(session, bot, "post") if e.key == post_key(bot.id, intent)), None
    )
    if effect is None:
        raise NotFound("This bot has no such post.")
    found = _POST_ID.findall(link)
    if happened and not found:
        raise Invalid(
            "Paste the address of the post; its number stands at the end.", details={"field": "link"}
        )
    number = found[-1] if happened else ""
    shown = next(post for post in await list_posts(session, bot) if post.intent == intent)
    detail = {"text": shown.text, "url": link if link.startswith("https://") else ""} if happened else {}
    await effects.settle(session, effect.key, happened=happened, external_id=number, detail=detail)
    await _audit(session, bot, "post.settled", actor, address, intent=intent, happened=happened)
    await job_service.retry(session, effect.job_id)


async def list_posts(session: Session, bot: Bot) -> list[PostInfo]:
    """The newest posts of a bot, those first that wait to be sent."""
    mine = partial(queries.list_jobs, session, owner_id=bot.owner_id, partition=bot.id)
    jobs = await mine(name=publish.name, limit=_MOST)
    by_key = {job.key: job for job in jobs if job.key}
    busy = bool(await mine(state=JobState.running, limit=1))
    made = await _effects(session, bot, "post")
    removed = {effect.key: effect for effect in await _effects(session, bot, "unpost")}
    begun = {effect.key for effect in made}
    found = [_unbegun(bot, job) for key, job in by_key.items() if key not in begun]
    found += [_post(bot, effect, by_key.get(effect.key), removed) for effect in made]
    return [
        _with_reason(post, by_key[post_key(bot.id, post.intent)], busy=busy)
        if post.state == "waiting"
        else post
        for post in found
    ]


def published(posts: Iterable[PostInfo]) -> list[str]:
    """Numbers of the posts that can be read on the platform."""
    return [post.post_id for post in posts if post.state == "published" and post.post_id]


def _with_reason(post: PostInfo, job: JobInfo, *, busy: bool) -> PostInfo:
    """With what a post waits for: its next try, or the one thing that is done for the bot at a time."""
    if job.state is not JobState.queued:
        return post
    later = job.due_at > clock.now()
    return replace(post, due_at=job.due_at if later else None, behind=busy and not later)


def _unbegun(bot: Bot, job: JobInfo) -> PostInfo:
    over = job.state in _WENT_WRONG
    return PostInfo(
        intent=(job.key or "").removeprefix(post_key(bot.id, "")),
        state="refused" if over else "waiting",
        text=str(job.args["text"]),
        post_id="",
        url="",
        error=_why_not(job) if over else job.error,
        at=job.created_at,
        job_id=job.id,
    )


_STATES = {
    EffectState.prepared: "waiting",
    EffectState.sending: "sending",
    EffectState.done: "published",
    EffectState.failed: "refused",
    EffectState.unknown: "unknown",
}


def _post(bot: Bot, effect: EffectInfo, job: JobInfo | None, removed: dict[str, EffectInfo]) -> PostInfo:
    state = _STATES[effect.state]
    error = effect.error
    if state == "waiting" and (job is None or job.state in _WENT_WRONG):
        state, error = "refused", _why_not(job)
    if state == "unknown" and job is not None and not job.state.finished:
        state = "checking"  # its job will ask the platform, before a person is
    if taken := removed.get(delete_key(bot.id, effect.external_id)):
        state = {EffectState.done: "deleted", EffectState.failed: "published"}.get(taken.state, "deleting")
        error = taken.error
    return PostInfo(
        intent=effect.key.removeprefix(post_key(bot.id, "")),
        state=state,
        text=str(effect.detail.get("text") or (job.args["text"] if job else "")),
        post_id=effect.external_id,
        url=str(effect.detail.get("url", "")),
        error=error,
        at=effect.finished_at or effect.created_at,
        job_id=job.id if job else "",
    )


def _why_not(job: JobInfo | None) -> str:
    """Why a post was never sent; its job may have been cleared away since."""
    if job is None:
        return "Its job ended before it was sent."
    return "Cancelled before it was sent." if job.state is JobState.cancelled else job.error


async def _effects(session: Session, bot: Bot, kind: str) -> list[EffectInfo]:
    return await effects.list_effects(
        session, account_id=bot.owner_id, key_prefix=f"{kind}:{bot.id}:", limit=_MOST
    )


async def _audit(
    session: Session, bot: Bot, action: str, actor: Principal, address: str, **details: object
) -> None:
    await audit.record(
        session, actor=actor, action=action, target=f"bot:{bot.id}", details=details, address=address
    )
