"""Webhooks: which addresses hear what, how they fare, and what became of every message."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from botyard.core.accounts import second_factor
from botyard.core.webhooks import catalogue, deliveries, service
from botyard.core.webhooks import health as healths
from botyard.core.webhooks.errors import NoSuchDelivery
from botyard.core.webhooks.events import EndpointDisabled
from botyard.core.webhooks.types import DeliveryDetail, DeliveryState
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader
from botyard.kit import clock
from botyard.web.lists import PAGE, PageNumber, Pager, address
from botyard.web.rendering import pretty, render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import Page, PageFor, SceneFor
from botyard.web.webhook_rows import ATTEMPTS, STATES, DeliveryRow, WebhookRow

router = APIRouter(prefix="/webhooks", route_class=GuardedRoute)
_TABS = (
    ("deliveries", "Deliveries", ""),
    ("settings", "Settings", "/settings"),
    ("verify", "Verify", "/verify"),
)
_LOOK_S = 2.0  # deliveries publish no events of their own: there may be hundreds a second
_MINUTE = "%Y-%m-%dT%H:%M"  # as a browser writes the value of such a field


async def load(scene: Scene, webhook_id: str) -> WebhookRow:
    """A webhook of the viewer's own. Raises NoSuchEndpoint."""
    async with scene.db.reader() as session:
        endpoint = await service.get(session, webhook_id, owner_id=scene.caller.user_id)
        [health] = await healths.of(session, [endpoint])
    return WebhookRow(health)


async def _webhook(request: Request, scene: SceneFor) -> WebhookRow:
    return await load(scene, request.path_params["webhook_id"])


WebhookOf = Annotated[WebhookRow, Depends(_webhook)]


@router.get("")
async def page(page: PageFor, scene: SceneFor) -> Response:
    """One's webhooks."""
    return page.show(
        "webhooks.html",
        events=catalogue.all_declared(),
        live=live_address("webhooks", {}),
        **await rows(scene),
    )


async def rows(scene: Scene) -> dict[str, Any]:
    """What the list of webhooks is drawn from."""
    async with scene.db.reader() as session:
        found = await service.list_endpoints(session, owner_id=scene.caller.user_id)
        return {"webhooks": [WebhookRow(one) for one in await healths.of(session, found)], "states": STATES}


def _show(page: Page, webhook: WebhookRow, tab: str, **context: Any) -> Response:
    tabs = [(key, word, f"{webhook.path}{path}") for key, word, path in _TABS]
    return page.show(f"webhook_{tab}.html", webhook=webhook, tab=tab, tabs=tabs, **context)


@router.get("/{webhook_id}")
async def deliveries_tab(
    page: PageFor,
    scene: SceneFor,
    webhook: WebhookOf,
    state: str = "",
    number: PageNumber = 0,
    since: str = "",
) -> Response:
    """What was sent, newest first, of all states or of one. A replay is offered from `since` on."""
    chips = [("", "All"), *((each.value, STATES[each][1]) for each in DeliveryState)]
    wanted = {"id": webhook.endpoint.id, "state": _state(state) or "", "page": number}
    begin = _moment(since) or webhook.endpoint.failing_since or clock.now() - timedelta(days=1)
    return _show(
        page,
        webhook,
        "deliveries",
        chips=[(key, word, address(webhook.path, {"state": key})) for key, word in chips],
        since=begin.strftime(_MINUTE),
        live=live_address("webhook", wanted),
        **await _deliveries(scene, webhook, _state(state), number),
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _state(text: str) -> DeliveryState | None:
    return DeliveryState(text) if text in set(DeliveryState) else None


async def _deliveries(
    scene: Scene, webhook: WebhookRow, state: DeliveryState | None, number: int
) -> dict[str, Any]:
    async with scene.db.reader() as session:
        found = await deliveries.list_deliveries(
            session,
            webhook.endpoint.id,
            owner_id=scene.caller.user_id,
            state=state,
            limit=PAGE + 1,  # whether there are more shows without counting what may be a million
            offset=number * PAGE,
        )
    params = {"state": state or ""}
    newer = address(webhook.path, {**params, "page": number - 1}) if number else None
    older = address(webhook.path, {**params, "page": number + 1}) if len(found) > PAGE else None
    return {
        "deliveries": [DeliveryRow(one, webhook) for one in found[:PAGE]],
        "state": state or "",
        "pager": Pager("", newer, older, "Newer"),
    }


@router.get("/{webhook_id}/settings")
async def settings_tab(page: PageFor, reader: Reader, webhook: WebhookOf) -> Response:
    """Address, events, secret, and the end of it."""
    factor = await second_factor.is_on(reader, page.viewer.id)
    until = webhook.endpoint.former_secret_until
    return _show(
        page,
        webhook,
        "settings",
        events=catalogue.all_declared(),
        second_factor=factor,
        former_until=until if until is not None and until > clock.now() else None,
    )


@router.get("/{webhook_id}/verify")
async def verify_tab(page: PageFor, webhook: WebhookOf) -> Response:
    """How a receiver finds out that a request came from here."""
    return _show(page, webhook, "verify")


@router.get("/{webhook_id}/deliveries/{delivery_id}")
async def delivery_page(page: PageFor, scene: SceneFor, webhook: WebhookOf, delivery_id: str) -> Response:
    """One delivery with every attempt."""
    found = await load_delivery(scene, webhook.endpoint.id, delivery_id)
    live = live_address("webhook-delivery", {"id": webhook.endpoint.id, "delivery": delivery_id})
    return page.show("webhook_delivery.html", live=live, **_delivery(webhook, found))


def _delivery(webhook: WebhookRow, found: DeliveryDetail) -> dict[str, Any]:
    return {
        "webhook": webhook,
        "found": found,
        "row": DeliveryRow(found.delivery, webhook),
        "most": ATTEMPTS,
        "body": readable(found.body),
    }


def readable(body: str) -> str:
    """JSON over several lines. Half of a character, which JavaScript allows in a text, stays written as \\ud83d."""
    return pretty(json.loads(body)).encode("utf-8", "backslashreplace").decode()


async def load_delivery(scene: Scene, webhook_id: str, delivery_id: str) -> DeliveryDetail:
    """A delivery of that very webhook. Raises NoSuchDelivery."""
    async with scene.db.reader() as session:
        found = await deliveries.get_delivery(session, delivery_id, owner_id=scene.caller.user_id)
    if found.delivery.endpoint_id != webhook_id:
        raise NoSuchDelivery
    return found


# --- live ---------------------------------------------------------------------------------------------


async def draw(scene: Scene) -> Pieces:
    """The list again."""
    return {"#list": render("_webhooks.html", **await rows(scene))}


async def check_one(scene: Scene) -> None:
    """A webhook's streams are for its owner. Raises NoSuchEndpoint, NoSuchDelivery."""
    await load(scene, scene.says("id"))
    if delivery_id := scene.says("delivery"):
        await load_delivery(scene, scene.says("id"), delivery_id)


async def draw_one(scene: Scene) -> Pieces:
    """State and deliveries again."""
    webhook = await load(scene, scene.says("id"))
    asked = scene.says("page")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    found = await _deliveries(scene, webhook, _state(scene.says("state")), number)
    return {
        "#health": render("_webhook_health.html", webhook=webhook),
        "#deliveries": render("_webhook_deliveries.html", webhook=webhook, **found),
    }


async def draw_delivery(scene: Scene) -> Pieces:
    """The delivery again."""
    found = await load_delivery(scene, scene.says("id"), scene.says("delivery"))
    webhook = await load(scene, scene.says("id"))
    return {"#delivery": render("_webhook_delivery.html", **_delivery(webhook, found))}


_HEARD = frozenset({EndpointDisabled.name})
LIVE = {
    "webhooks": View(_HEARD, draw, every_s=_LOOK_S),
    "webhook": View(_HEARD, draw_one, every_s=_LOOK_S, check=check_one),
    "webhook-delivery": View(_HEARD, draw_delivery, every_s=_LOOK_S, check=check_one),
}
