"""Versions: what each can do, which of them answer in which environment, and the way back."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.core.accounts import profiles
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import deployments, golden, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.deployments import PRODUCTION, DeploymentInfo
from botyard.features.chatbots.events import Deployed, TrainingFinished, VersionCreated
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.versions import VersionInfo
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, ChatbotRow, check, load, show
from botyard.web.forms import Fields, Form
from botyard.web.lists import address
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, go

router = APIRouter(prefix=PATH + "/versions", route_class=GuardedRoute)
_SHOWN = 100
_LOG = 30
_ENVIRONMENTS = (PRODUCTION, "staging")  # always offered; others by their first deployment
KINDS = {
    "deploy": ("rocket", "deployed"),
    "rollback": ("arrow-back-up", "rolled back"),
    "split": ("arrows-split", "split"),
    "undeploy": ("ban", "taken out of service"),
}


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry of the log, with who did it."""

    info: DeploymentInfo
    by: str

    @property
    def glyph(self) -> str:
        """Its icon."""
        return KINDS[self.info.kind][0]

    @property
    def word(self) -> str:
        """What was done."""
        return KINDS[self.info.kind][1]

    @property
    def shares(self) -> list[tuple[int, int]]:
        """Version numbers with their share in per cent."""
        return percent(self.info.shares)


def percent(shares: list[tuple[str, int, int]]) -> list[tuple[int, int]]:
    """Weights as per cent, by version number."""
    total = sum(weight for _, _, weight in shares) or 1
    return [(number, round(100 * weight / total)) for _, number, weight in shares]


def path_of(bot: ChatbotInfo, below: str = "", **params: object) -> str:
    """An address below the chatbot's versions."""
    shown = {name: "" if value == PRODUCTION else value for name, value in params.items()}
    return address(f"{ROOT}/{bot.id}/versions{below}", shown)


@router.get("")
async def page(page: PageFor, reader: Reader, bot: ChatbotOf, environment: str = PRODUCTION) -> Response:
    """Versions, what answers in an environment, its log, and the golden conversations."""
    live = live_address("chatbot-versions", {"bot": bot.id, "environment": environment})
    return show(page, bot, "versions", live=live, **await _context(reader, bot, environment[:40]))


async def _context(reader: UnitOfWork, bot: ChatbotInfo, environment: str) -> dict[str, Any]:
    log = await deployments.list_log(reader, bot.id, environment=environment, limit=_LOG)
    names = await profiles.usernames(reader, {each.created_by for each in log})
    found = await versions.list_versions(reader, bot.id, limit=_SHOWN)
    now = log[0] if log else None
    offered = dict.fromkeys(
        [*_ENVIRONMENTS, *await deployments.list_environments(reader, bot.id), environment]
    )
    return {
        "environment": environment,
        "environments": [(name, name, path_of(bot, environment=name)) for name in offered],
        "log": [Logged(each, names.get(each.created_by, "a former account")) for each in log],
        "now": percent(now.shares) if now else [],
        "versions": _with_former(found),
        "answering": {version for version, _, _ in now.shares} if now else set(),
        "former": percent(await deployments.find_former(reader, bot.id, environment) or []),
        "golden": [(row, golden.turns_in(row)) for row in await golden.list_golden(reader, bot.id)],
        "most_golden": golden.MAX_GOLDEN,
    }


def _with_former(found: list[VersionInfo]) -> list[tuple[VersionInfo, VersionInfo | None]]:
    """Each version with the one before it."""
    return list(zip(found, [*found[1:], None], strict=False))


@router.post("/freeze")
async def freeze(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Freeze the draft with the newest model, and show what speaks against deploying it."""
    environment = environment_of(form)
    version = await versions.freeze(
        session, bot.id, owner_id=caller.user_id, note=form["note"].strip(), by=caller.user_id
    )
    return go(request, path_of(bot, f"/{version.id}/deploy", environment=environment))


@router.post("/split")
async def split(
    request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Let several versions answer by weight."""
    environment = environment_of(form)
    await deployments.split(
        session,
        bot.id,
        _weights(form),
        owner_id=caller.user_id,
        actor=caller,
        environment=environment,
        address=address,
    )
    said = f"New conversations in {environment} are split between the versions."
    return go(request, path_of(bot, environment=environment), said)


def _weights(form: Fields) -> list[tuple[str, int]]:
    found = []
    for version, weight in zip(form.all("version"), form.all("weight"), strict=False):
        if not version and not weight.strip():
            continue
        if not weight.strip().isdecimal():
            raise Invalid(
                "The weight of a version is a whole number from 1 to 1000.", details={"field": "weight"}
            )
        found.append((version, int(weight)))
    return found


@router.post("/roll-back")
async def roll_back(
    request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Let answer again what answered before."""
    environment = environment_of(form)
    row = await deployments.roll_back(
        session, bot.id, owner_id=caller.user_id, actor=caller, environment=environment, address=address
    )
    version = await versions.get(session, str(row.shares[0][0]), chatbot_id=bot.id)
    what = f"Version {version.number}" if len(row.shares) == 1 else "The former split"
    return go(request, path_of(bot, environment=environment), f"{what} answers again in {environment}.")


@router.post("/environment")
async def other_environment(request: Request, bot: ChatbotOf, form: Form) -> Response:
    """Look at an environment that is not there yet; its first deployment makes it."""
    return go(request, path_of(bot, environment=environment_of(form)))


def environment_of(form: Fields) -> str:
    """The environment that a form names. Raises Invalid."""
    name = form["environment"].strip() or PRODUCTION
    if len(name) > 40 or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise Invalid(
            "The name of an environment has at most 40 letters, digits, - and _.",
            details={"field": "environment"},
        )
    return name


async def _draw(scene: Scene) -> Pieces:
    bot = await load(scene, scene.says("bot"))
    async with scene.db.reader() as session:
        bot = await chatbots.get(session, bot.id, owner_id=bot.owner_id)
        context = await _context(session, bot, (scene.says("environment") or PRODUCTION)[:40])
    row = ChatbotRow(bot)
    return {
        "#answering": render("chatbots/_answering.html", bot=row, **context),
        "#versions": render("chatbots/_versions.html", bot=row, **context),
        "#log": render("chatbots/_deployments.html", bot=row, **context),
        "#chatbot-state": render("chatbots/_state.html", bot=row),
    }


_NAMES = frozenset({Deployed.name, VersionCreated.name, TrainingFinished.name})
LIVE = {"chatbot-versions": View(_NAMES, _draw, check=check)}
