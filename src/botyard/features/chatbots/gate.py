"""What speaks against a deployment: figures that fell, golden conversations that would go otherwise, broken content."""

import asyncio
from collections import OrderedDict
from typing import Any, cast

from sqlalchemy import exists, select

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import golden
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.checking import Checked, Type, check
from botyard.features.chatbots.golden import Checks, Difference
from botyard.features.chatbots.models import (
    BotVersion,
    Deployment,
    GoldenConversation,
    KnowledgeSource,
    ModelVersion,
)
from botyard.features.chatbots.serving import Serving
from botyard.kit.db import Session
from botyard.kit.errors import BotyardError, Unavailable

NOTABLE_FALL = 0.005  # half a point of macro-F1: less is noise of the held-out sample
_TOLD = 5  # differences of one golden conversation that are kept with a deployment
_TOLD_PROBLEMS = 20  # of the content
# Who talks to the chatbot notices nothing of what is never used; intents without an answer are told together, by
# those who know all that was taught.
_UNNOTICED = frozenset({"unused_response", "unreachable_step", "never_starts", "unanswered_intent"})
_KEPT = 200
_read_through: OrderedDict[tuple[str, bool], list[dict[str, Any]]] = OrderedDict()  # by digest of the version


async def warnings(session: Session, version: BotVersion, before: Deployment | None) -> list[dict[str, Any]]:
    """What to think of before `version` takes the place of `before`: `{kind, message, …}` each."""
    found = await _replays(session, version) + await _problems(session, version)
    if before is None or not before.shares:
        return found
    former = await session.get(BotVersion, str(before.shares[0][0]))
    if former is None or former.id == version.id:
        return found
    return await _figures(session, version, former) + found


async def _problems(session: Session, version: BotVersion) -> list[dict[str, Any]]:
    """What cannot work in what the version says and does, or probably is not meant.

    A version never changes, so it is read through once: two thousand rules take seconds.
    """
    has_documents = exists().where(KnowledgeSource.chatbot_id == version.chatbot_id)
    documents = bool(await session.scalar(select(has_documents)))
    key = version.digest, documents
    found = _read_through.get(key)
    if found is None:
        content, type_ = contents.read(version.content), cast("Type", version.type)
        checked = await asyncio.to_thread(check, content, type=type_, documents=documents)
        found = _read_through[key] = _noticed(checked)
        if len(_read_through) > _KEPT:
            _read_through.popitem(last=False)
    return found


def _noticed(checked: Checked) -> list[dict[str, Any]]:
    noticed = [each for each in checked.problems if each.kind not in _UNNOTICED]
    told = [
        {
            "kind": "content_problem",
            "problem": each.kind,
            "tone": each.tone,
            "part": each.part,
            "name": each.name,
            "step": each.step,
            "message": f"{each.where}: {each.text}",
        }
        for each in noticed[:_TOLD_PROBLEMS]
    ]
    if more := len(noticed) - len(told) + checked.more:
        said = "One more problem is" if more == 1 else f"{more} more problems are"
        message = f"{said} in what the version says and does; the page of its flows lists them."
        told.append({"kind": "content_problems", "message": message})
    return told


async def _figures(session: Session, version: BotVersion, former: BotVersion) -> list[dict[str, Any]]:
    query = select(ModelVersion).where(ModelVersion.id.in_([version.model_id, former.model_id]))
    models = {model.id: model for model in await session.scalars(query)}
    new, old = models.get(version.model_id or ""), models.get(former.model_id or "")
    if old is None:
        return []
    if new is None:
        message = f"Version {version.number} has no trained model, version {former.number} has one."
        return [{"kind": "model_missing", "message": message}]
    found = []
    for key, word in (("macro_f1", "macro-F1"), ("accuracy", "accuracy")):
        was, now = old.metrics.get(key), new.metrics.get(key)
        if was is not None and now is not None and now < was - NOTABLE_FALL:
            message = f"Held-out {word} falls from {was:.1%} to {now:.1%}."
            found.append({"kind": "figure_fell", "figure": key, "was": was, "now": now, "message": message})
    return found


async def _replays(session: Session, version: BotVersion) -> list[dict[str, Any]]:
    """Golden conversations that the version would hold otherwise; what cannot be replayed is said as well."""
    rows = await golden.list_golden(session, version.chatbot_id)
    if not rows:
        return []
    try:
        differing = await _held(session, version, rows)
    except BotyardError as error:
        message = f"The golden conversations could not be replayed: {error}"
        return [{"kind": "golden_unchecked", "message": message}]
    return [_told(row, differences) for row, differences in differing if differences]


async def _held(
    session: Session, version: BotVersion, rows: list[GoldenConversation]
) -> list[tuple[GoldenConversation, list[Difference]]]:
    chat = session.find_part(ChatRuntime)
    if chat is None or not isinstance(chat.versions, Serving):
        raise Unavailable("This process holds no conversations; deploy from the server.")
    model = await session.get(ModelVersion, version.model_id) if version.model_id else None
    ready = await chat.versions.frozen(version, model)
    checks = chat.db.parts.find(Checks) or Checks()
    chat.db.parts.add(checks)
    return [(row, await checks.hold(ready, version.digest, row)) for row in rows]


def _told(row: GoldenConversation, differences: list[Difference]) -> dict[str, Any]:
    first = differences[0]
    was, now = first.before or "nothing", first.after or "nothing"
    message = f"Golden conversation “{row.name}” changes: to “{first.user[:80]}” the {first.what} was {was}, now it is {now}."
    if len(differences) > 1:
        message += f" {len(differences) - 1} more differ."
    return {
        "kind": "golden_changed",
        "golden": row.id,
        "message": message,
        "differences": [
            {"turn": each.turn, "user": each.user, "what": each.what, "was": each.before, "now": each.after}
            for each in differences[:_TOLD]
        ],
    }
