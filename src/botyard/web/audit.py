"""The audit log, for administrators: who did what, and whether the log still says what was written."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from botyard.core.accounts import profiles
from botyard.core.audit import anchors
from botyard.core.audit import service as audit
from botyard.core.audit.models import AuditEntry
from botyard.core.audit.verify import verify as verify_log
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Stores
from botyard.settings import Settings
from botyard.web import words
from botyard.web.lists import PAGE, Key, after_key
from botyard.web.shell import PageFor, part

router = APIRouter(prefix="/audit", route_class=GuardedRoute)
_KINDS = (
    ("", "Everything"),
    ("account.", "Accounts"),
    ("bot.", "Bots"),
    ("api_key.", "API keys"),
    ("botdata.", "Secret data of bots"),
    ("vault.", "Vault"),
    ("config.", "Settings"),
)
_BY = {"server": "the server", "anonymous": "nobody known"}


class Wanted(BaseModel):
    """Which acts; `before` is the number that the page begins below."""

    action: str = ""
    before: Key = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its actor's name."""

    id: int
    at: datetime
    action: str
    actor: str
    kind: str
    target: str
    address: str
    details: dict[str, Any]


@router.get("")
async def page(page: PageFor, reader: Reader, wanted: Annotated[Wanted, Query()]) -> Response:
    """Entries, newest first."""
    found = await audit.list_entries(
        reader, action=wanted.action or None, before_id=wanted.before or None, limit=PAGE
    )
    names = await profiles.usernames(reader, {row.actor_user_id for row in found})
    pager = after_key(
        found,
        limit=PAGE,
        path="/audit",
        params={"action": wanted.action},
        before=wanted.before,
        last=found[-1].id if found else 0,
    )
    entries = [_entry(row, names) for row in found]
    return page.show("audit.html", entries=entries, query=wanted, kinds=_KINDS, pager=pager)


def _entry(row: AuditEntry, names: dict[int, str]) -> Entry:
    gone = f"account {row.actor_user_id}" if row.actor_user_id else ""
    actor = names.get(row.actor_user_id) or gone or _BY.get(row.actor_kind, row.actor_kind)
    kind = words.MEANS.get(row.actor_kind, "")
    return Entry(row.id, row.at, row.action, actor, kind, row.target, row.address, json.loads(row.details))


@router.post("/verify")
async def verify(db: Stores) -> Response:
    """Compute every hash again, compare with the heads of this machine's file, and say what that found."""
    # In this order: entries that were written after the file was read do not matter, missing ones would.
    kept = await asyncio.to_thread(anchors.read, db.parts.get(Settings).data_dir / anchors.FILE)
    async with db.reader() as session:
        report = await verify_log(session, anchors=kept)
    text = f"The log is sound: {report.text}" if report.ok else report.text
    return part("_verdict.html", "#verdict", sound=report.ok, text=text)
