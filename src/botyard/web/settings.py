"""Settings that change while everything runs, for administrators: each service's values and their history."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, Response

from botyard.core.accounts import profiles
from botyard.core.config import owned, queries, values
from botyard.core.config import service as config
from botyard.core.config.errors import NoSuchService, SettingRefused
from botyard.core.config.models import ConfigChange
from botyard.core.config.types import Entry
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.edge.session import Reader, Session
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid
from botyard.settings import Settings
from botyard.web.forms import Fields, Form
from botyard.web.health import sources
from botyard.web.lists import Key, Pager, address, after_key
from botyard.web.rendering import render
from botyard.web.shell import PageFor, go, partial

router = APIRouter(prefix="/settings", route_class=GuardedRoute)
Set = Annotated[Settings, Depends(running(Settings))]
PATH = "/settings"
SHOWN = 20  # changes of the history at once
_LONG = 120  # characters of a value in the history
KINDS = (("text", "Text"), ("number", "Number"), ("switch", "Yes or no"), ("json", "JSON"))
_BY_TYPE = {str: "text", bool: "switch", int: "number", float: "number"}
_YES, _NO = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off", ""})


class Wanted(BaseModel):
    """Which service; `before` is the change that the history begins below."""

    service: str = owned.SERVICE
    before: Key = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One setting with the field that it is changed by."""

    entry: Entry
    kind: str
    text: str
    source: str

    @property
    def after_restart(self) -> bool:
        """Whether a change takes effect only when the server starts anew."""
        return self.entry.owned is not None and self.entry.owned.effective == "restart"


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the history; `undoable` is the newest change of each setting."""

    row: ConfigChange
    before: str
    after: str
    by: str
    undoable: bool


@router.get("")
async def page(page: PageFor, reader: Reader, settings: Set, wanted: Annotated[Wanted, Query()]) -> Response:
    """The settings of one service, and what changed in them."""
    rows = await _rows(reader, settings, wanted.service)
    if not rows and not await queries.list_changes(reader, service=wanted.service, limit=1):
        raise NoSuchService
    changes, pager = await _history(reader, wanted.service, before=wanted.before)
    return page.show(
        "settings.html",
        service=wanted.service,
        services=await queries.list_services(reader),
        own=owned.SERVICE,
        rows=rows,
        changes=changes,
        pager=pager,
        kinds=KINDS,
        address=lambda name: address(PATH, {"service": name}),
    )


@router.post("/set")
async def set_value(
    request: Request, form: Form, session: Session, settings: Set, caller: Caller, client: Address
) -> Response:
    """Change one setting."""
    service, key = form["service"], form["key"]
    try:
        await config.update(session, service, {key: _value(form)}, actor=caller, address=client)
    except SettingRefused as error:
        raise Invalid(error.reason, details={"field": "value"}) from error
    return await _changed(request, session, settings, service, f"{key} is saved.")


@router.post("/add")
async def add(request: Request, form: Form, session: Session, caller: Caller, client: Address) -> Response:
    """Add a setting to a service, which may be a new one."""
    service, key = form.needed("service", "The service"), form.needed("key", "The name")
    if service == owned.SERVICE:
        raise Invalid("Botyard's own settings are all there already.", details={"field": "service"})
    if key in await queries.rows(session, service):
        raise Invalid(
            "There is a setting of that name already; change it in the list.", details={"field": "key"}
        )
    try:
        await config.update(session, service, {key: _value(form)}, actor=caller, address=client)
    except SettingRefused as error:
        raise Invalid(error.reason, details={"field": "value"}) from error
    return go(request, address(PATH, {"service": service}), f"{key} is added.")


@router.post("/remove")
async def remove(
    request: Request, form: Form, session: Session, settings: Set, caller: Caller, client: Address
) -> Response:
    """Remove a setting; one of Botyard's own goes back to its start value."""
    service, key = form["service"], form["key"]
    await config.update(session, service, {key: None}, actor=caller, address=client)
    done = f"{key} is back at its start value." if service == owned.SERVICE else f"{key} is removed."
    return await _changed(request, session, settings, service, done)


@router.post("/undo")
async def undo(
    request: Request, form: Form, session: Session, settings: Set, caller: Caller, client: Address
) -> Response:
    """Put back what was before a change."""
    number = form["change"]
    change_id = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else 0
    made = await config.undo(session, change_id, actor=caller, address=client)
    return await _changed(request, session, settings, made.service, f"{made.key} is as it was before.")


async def _changed(
    request: Request, session: UnitOfWork, settings: Settings, service: str, done: str
) -> Response:
    """The list and the history as they are now, in place; what somebody typed elsewhere on the page stays."""
    if not request.headers.get("hx-request"):
        return go(request, address(PATH, {"service": service}), done)
    await session.flush()
    rows = render("_settings.html", rows=await _rows(session, settings, service), service=service)
    changes, pager = await _history(session, service)
    history = render("_settings_history.html", changes=changes, pager=pager)
    notice = render("_notice.html", kind="good", text=done)
    pieces = [
        partial("#settings", rows, swap="innerMorph"),
        partial("#history", history),
        partial("#toasts", notice, swap="beforeend"),
    ]
    return HTMLResponse("".join(pieces), headers={"Cache-Control": "no-store", "HX-Trigger": "done"})


async def _rows(session: UnitOfWork, settings: Settings, service: str) -> list[Row]:
    if not values.is_service(service):
        return []
    entries = await queries.list_entries(session, service)
    origin = sources(settings, owned.start_values(session)) if service == owned.SERVICE else {}
    return [_row(entry, origin) for entry in entries]


def _row(entry: Entry, origin: Mapping[str, str]) -> Row:
    source = "stored" if entry.stored else origin[entry.key]
    if entry.secret:
        return Row(entry, "secret", "", "in the vault")
    kind = entry.owned.kind if entry.owned is not None else _BY_TYPE.get(type(entry.value), "json")
    text = entry.value if isinstance(entry.value, str) else json.dumps(entry.value, ensure_ascii=False)
    if kind == "text" and "\n" in text:
        kind = "lines"
    return Row(entry, kind, text, source)


async def _history(session: UnitOfWork, service: str, *, before: int = 0) -> tuple[list[Change], Pager]:
    found = await queries.list_changes(session, service=service, limit=SHOWN, before_id=before or None)
    names = await profiles.usernames(session, {row.by_user for row in found})
    newest = await queries.newest_changes(session, service)
    pager = after_key(
        found,
        limit=SHOWN,
        path=PATH,
        params={"service": service},
        before=before,
        last=found[-1].id if found else 0,
    )
    nothing = "start value" if service == owned.SERVICE else "nothing"
    return [
        Change(row, _told(row.before, nothing), _told(row.after, nothing), _by(row, names), row.id in newest)
        for row in found
    ], pager


def _told(value: Any, nothing: str) -> str:
    """A former or new value in a few words."""
    version = values.version_of(value)
    if value is None:
        return nothing
    if version is not None:
        return f"secret, version {version}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _by(row: ConfigChange, names: Mapping[int, str]) -> str:
    if row.by_ref == config.SHELL:
        return "the command line"
    name = names.get(row.by_user, f"account {row.by_user}")
    return f"{name}, with an API key" if row.by_ref.startswith("key:") else name


def _value(form: Fields) -> Any:
    """What a form's text means. Raises Invalid where it is none of its kind; the service checks the rest."""
    kind, text = form["kind"], form["value"]
    if kind == "secret":
        return {values.MARK: form.needed("value", "The secret")}
    if kind == "switch":
        if text.strip().lower() not in _YES | _NO:
            raise Invalid("It is either true or false.", details={"field": "value"})
        return text.strip().lower() in _YES
    if kind in ("number", "json"):
        return _parsed(kind, text)
    return text.replace("\r\n", "\n")  # as browsers send line breaks


def _parsed(kind: str, text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        value = None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or (kind == "number" and not is_number):
        what = "a number" if kind == "number" else 'JSON such as {"a": 1}, and not null'
        raise Invalid(f"It is {what}.", details={"field": "value"})
    return value
