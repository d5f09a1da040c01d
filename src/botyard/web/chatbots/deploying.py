"""Before a version goes out: what the gate has to say, what differs from what answers now; and comparing any two."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import deployments, diff, gate, golden, versions
from botyard.features.chatbots.deployments import PRODUCTION
from botyard.features.chatbots.diff import Comparison
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Database
from botyard.web.chatbots import drafts
from botyard.web.chatbots.frame import PATH, ChatbotOf, show
from botyard.web.chatbots.versions import environment_of, path_of
from botyard.web.forms import Form
from botyard.web.shell import PageFor, go

router = APIRouter(prefix=PATH + "/versions", route_class=GuardedRoute)
SIGNS = {"added": ("good", "New"), "removed": ("bad", "Gone"), "changed": ("warn", "Changed")}
_LISTED = 200


@router.get("/{version_id}/deploy")
async def review(
    page: PageFor, db: Stores, bot: ChatbotOf, version_id: str, environment: str = PRODUCTION
) -> Response:
    """What speaks against the version, and what would be different."""
    async with db.reader() as session:
        version = await versions.get(session, version_id, chatbot_id=bot.id)
        now = await deployments.current(session, bot.id, environment)
        warnings = await gate.warnings(session, version, now)
        replayed = len(await golden.list_golden(session, bot.id))
        said = contents.read(version.content)
        unanswered = await drafts.without_answer(session, bot, said) if version.model_id else []
    former = str(now.shares[0][0]) if now and now.shares else ""
    return show(
        page,
        bot,
        "deploy",
        version=version,
        environment=environment,
        warnings=warnings,
        replayed=replayed,
        unanswered=unanswered,
        same=former == version.id and now is not None and len(now.shares) == 1,
        back=path_of(bot, environment=environment),
        signs=SIGNS,
        **await _difference(db, bot, former, version.id),
    )


async def _difference(db: Database, bot: ChatbotInfo, former: str, later: str) -> dict[str, Any]:
    found: Comparison | None = None
    if former and former != later:
        found = await diff.compare(db, bot.id, former, later, owner_id=bot.owner_id)
    return {"compared": found}


@router.post("/{version_id}/deploy")
async def deploy(
    request: Request,
    bot: ChatbotOf,
    version_id: str,
    form: Form,
    session: Session,
    caller: Caller,
    address: Address,
) -> Response:
    """Let the version answer from now on."""
    environment = environment_of(form)
    await deployments.deploy(
        session,
        bot.id,
        owner_id=caller.user_id,
        actor=caller,
        version_id=version_id,
        environment=environment,
        note=form["note"].strip()[: versions.MAX_NOTE],
        address=address,
    )
    version = await versions.get(session, version_id, chatbot_id=bot.id)
    said = f"Version {version.number} answers in {environment} from now on."
    return go(request, path_of(bot, environment=environment), said)


@router.get("/compare")
async def compare(
    page: PageFor, db: Stores, reader: Reader, bot: ChatbotOf, former: str = "", later: str = ""
) -> Response:
    """Two versions side by side; without names the newest and the one before it."""
    found = await versions.list_versions(reader, bot.id, limit=_LISTED)
    if len(found) > 1:
        later = later or found[0].id
        former = former or next(each.id for each in found if each.id != later)
    context = await _difference(db, bot, former, later)
    options = [(each.id, f"Version {each.number}") for each in found]
    return show(
        page,
        bot,
        "compare",
        options=options,
        former=former,
        later=later,
        signs=SIGNS,
        back=path_of(bot),
        **context,
    )
