"""The vault: which secrets one's bots have, who opened them, and, once it is unlocked, the secrets themselves."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from botyard.core import vault
from botyard.core.accounts import profiles, second_factor, step_up
from botyard.core.audit import service as audit
from botyard.core.bots import export, holdings, secrets
from botyard.core.bots.holdings import BotSecrets
from botyard.core.bots.models import BotKind
from botyard.core.vault import jobs as vault_jobs
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.kit import clock
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from botyard.web import words
from botyard.web.forms import Fields, Form
from botyard.web.lists import PAGE, Key, PageNumber, after_key, slice_of
from botyard.web.proof import prove, unlock, unlocked
from botyard.web.shell import PageFor, go, local, part

router = APIRouter(prefix="/vault", route_class=GuardedRoute)
_LOCKED_AGAIN = "The vault is locked again."


class Wanted(BaseModel):
    """Part of a bot's name, and which page."""

    q: str = ""
    page: PageNumber = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A bot in the list: its secrets added up, and who opened one last."""

    id: str
    name: str
    kind: str
    secrets: list[str]
    versions: int
    size: int
    stored_at: datetime
    opened_at: datetime | None
    opened_by: str


@router.get("")
async def page(page: PageFor, reader: Reader, caller: Caller, wanted: Annotated[Wanted, Query()]) -> Response:
    """One's bots that have secrets."""
    found = await holdings.list_bots(reader, owner_id=caller.user_id, search=wanted.q.strip())
    shown, pager = slice_of(found, path="/vault", params={"q": wanted.q}, page=wanted.page, what="bots")
    held = await holdings.of(reader, shown)
    names = await profiles.usernames(reader, {each.last_look.user_id for each in held if each.last_look})
    return page.show(
        "vault.html",
        rows=[_row(each, names) for each in held if each.secrets],
        total=len(found),
        q=wanted.q,
        pager=pager,
        second_factor=await second_factor.is_on(reader, caller.user_id),
        keys=await _keys(reader) if page.viewer.is_admin else None,
    )


def _row(held: BotSecrets, names: dict[int, str]) -> Row:
    look = held.last_look
    return Row(
        id=held.bot.id,
        name=held.bot.name,
        kind=words.BOT_KIND[BotKind(held.bot.kind)],
        secrets=[words.SECRET.get(each.name, each.name) for each in held.secrets],
        versions=sum(each.versions for each in held.secrets),
        size=sum(each.size for each in held.secrets),
        stored_at=max(each.stored_at for each in held.secrets),
        opened_at=look.at if look else None,
        opened_by=names.get(look.user_id, f"account {look.user_id}") if look else "",
    )


async def _keys(session: UnitOfWork) -> dict[str, Any]:
    """What an administrator sees of the keys: where the master key is, and when all were replaced last."""
    last = await audit.list_entries(session, action="vault.rotated", limit=1)
    in_file = not session.part(Settings).master_key.get_secret_value()
    return {
        "name": session.part(vault.Keyring).master.kid,
        "in_file": in_file,
        # On PostgreSQL other machines may have a key file of their own: there somebody has to write the new key.
        "made": in_file and session.part(Settings).stores.embedded,
        "replaced_at": last[0].at if last else None,
    }


@router.post("/unlock")
async def unlock_values(
    request: Request, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Let values be shown in this session for five minutes."""
    await unlock(db, caller, form, address)
    return go(request, local(form["next"], otherwise="/vault"), "The vault is unlocked for five minutes.")


@router.post("/lock")
async def lock(request: Request, form: Form, session: Session, caller: Caller) -> Response:
    """Ask for the password again from now on."""
    await step_up.forget(session, caller)
    return go(request, local(form["next"], otherwise="/vault"), _LOCKED_AGAIN)


@router.post("/export")
async def export_all(form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Everything in clear as a file, for the owner with password and code."""
    answer = await export.export(db, caller, password=form["password"], code=form["code"], address=address)
    name = f"botyard-secrets-{clock.now():%Y-%m-%d}.json"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    text = json.dumps(answer, ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json", headers=headers)


@router.post("/rotate")
async def rotate(request: Request, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Begin to replace every key."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        job_id = await vault_jobs.start_rotation(session, actor=caller, address=address)
    return go(request, f"/jobs/{job_id}", "The keys are being replaced; everything works meanwhile.")


# --- one bot ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """An entry of the audit log about a bot."""

    at: datetime
    word: str
    tone: str
    by: str
    means: str
    address: str
    keys: list[str]


@router.get("/{bot_id}")
async def bot_page(page: PageFor, reader: Reader, caller: Caller, bot_id: str, before: Key = 0) -> Response:
    """The secrets of a bot with their versions, and what was done with them."""
    bot = await holdings.get_bot(reader, bot_id, owner_id=caller.user_id)
    (held,) = await holdings.of(reader, [bot])
    listed = [
        (each, await vault.list_versions(reader, kind=secrets.KIND, id=bot.id, name=each.name))
        for each in sorted(
            held.secrets, key=lambda each: each.name != secrets.DATA
        )  # what is looked for first
    ]
    acts, pager = await _acts(reader, bot.id, before)
    return page.show(
        "vault_bot.html",
        bot=bot,
        kind=words.BOT_KIND[BotKind(bot.kind)],
        secrets=listed,
        secret_words=words.SECRET,
        acts=acts,
        pager=pager,
        days=reader.part(Settings).vault_version_days,
        open_until=await step_up.good_until(reader, caller),
        second_factor=await second_factor.is_on(reader, caller.user_id),
    )


async def _acts(session: UnitOfWork, bot_id: str, before: int) -> tuple[list[Act], Any]:
    found = await audit.list_entries(session, target=f"bot:{bot_id}", before_id=before or None, limit=PAGE)
    names = await profiles.usernames(session, {row.actor_user_id for row in found})
    pager = after_key(
        found,
        limit=PAGE,
        path=f"/vault/{bot_id}",
        params={},
        before=before,
        last=found[-1].id if found else 0,
    )
    acts = []
    for row in found:
        tone, word = words.BOT_ACT.get(row.action, ("", row.action))
        by = names.get(row.actor_user_id) or (
            "the server" if row.actor_kind == "server" else "a former account"
        )
        keys = json.loads(row.details).get("keys", [])
        acts.append(Act(row.at, word, tone, by, words.MEANS.get(row.actor_kind, ""), row.address, keys))
    return acts, pager


@router.post("/{bot_id}/values")
async def show_values(bot_id: str, form: Form, db: Stores, caller: Caller, address: Address) -> Response:
    """Secret data in clear; the audit log tells of it."""
    number = _number(form)
    # Not the session of the request: its answer could be kept, and be given again without a look at the lock.
    async with db.session() as session:
        await unlocked(session, caller)
        bot = await holdings.get_bot(session, bot_id, owner_id=caller.user_id)
        data = await secrets.retrieve(session, bot, actor=caller, address=address, version=number)
    return part("_vault_values.html", "#values", data=data, number=number, bot=bot)


@router.post("/{bot_id}/restore")
async def restore(
    request: Request, bot_id: str, form: Form, session: Session, caller: Caller, address: Address
) -> Response:
    """Make a former version of the secret data the present one."""
    await unlocked(session, caller)
    bot = await holdings.get_bot(session, bot_id, owner_id=caller.user_id)
    number = _number(form)
    new = await secrets.restore(session, bot, number, actor=caller, address=address)
    return go(request, f"/vault/{bot_id}", f"Version {number} is back, as version {new}.")


@router.post("/{bot_id}/remove")
async def remove(
    request: Request, bot_id: str, form: Form, db: Stores, caller: Caller, address: Address
) -> Response:
    """Remove the secret data with every version."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        bot = await holdings.get_bot(session, bot_id, owner_id=caller.user_id)
        await secrets.drop(session, bot, actor=caller, address=address)
    return go(request, "/vault", f"The secret data of {bot.name} are removed.")


def _number(form: Fields) -> int:
    number = form.number("version", "The version", low=1, high=2**31 - 1)
    if number is None:
        raise Invalid("The version is missing.")
    return int(number)
