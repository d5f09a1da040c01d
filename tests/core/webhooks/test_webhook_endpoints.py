"""Webhooks of an account: what can be registered, changed and seen, and by whom."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from botyard.core import vault
from botyard.core.accounts import deletion
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.webhooks import catalogue, deliveries, service, signing
from botyard.core.webhooks.errors import (
    EventsUnknown,
    NoSuchDelivery,
    NoSuchEndpoint,
    SecretUnfit,
    WebhookDisabled,
    WebhookLimit,
)
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.kit import clock as clock_module
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid, NotFound
from botyard.kit.http import AddressRefused
from botyard.settings import Settings
from tests.core.accounts.people import MakeUser
from tests.core.webhooks.conftest import SECRET

MakeEndpoint = Callable[..., Awaitable[WebhookEndpoint]]
URL = "http://127.0.0.1:9/hook?token=abcdefghijklmnop"


async def resolve(host: str, port: int) -> list[str]:
    """Every name is a machine in the office."""
    return ["10.0.0.7"]


async def actions(db: Database) -> list[str]:
    """What the audit log has of webhooks, oldest first."""
    async with db.reader() as session:
        entries = await audit.list_entries(session, action="webhook.")
    assert not any("abcdefghijklmnop" in entry.details or SECRET in entry.details for entry in entries)
    return [entry.action.removeprefix("webhook.") for entry in reversed(entries)]


async def test_what_cannot_be_a_webhook_is_refused(
    yard: Database, make_endpoint: MakeEndpoint, settings: Settings, alice: User, clock: FrozenClock
) -> None:
    assert {"item.lost", "item.sold"} <= set(catalogue.names())
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"events": []}, EventsUnknown, "at least one"),
        ({"events": ["item.sold", "item.eaten"]}, EventsUnknown, r"item\.eaten.*Known are .*item\.sold"),
        ({"secret": "short"}, SecretUnfit, "16"),
        ({"secret": "whsec_this is no base64!"}, SecretUnfit, "base64"),
        ({"description": "x" * 201}, Invalid, "200"),
        ({"url": "ftp://example.org/x"}, AddressRefused, "http"),
        ({"url": "http://user:pass@example.org/x"}, AddressRefused, "user name"),
    ]
    for options, error, words in wrong:
        with pytest.raises(error, match=words):
            await make_endpoint(options.pop("url", URL), **options)
    settings.allow_private_networks = False
    with pytest.raises(AddressRefused, match="BOTYARD_ALLOW_PRIVATE_NETWORKS"):
        await make_endpoint("https://office.example/hook", resolve=resolve)
    settings.allow_private_networks = True
    full = await make_endpoint(URL)
    columns = {name: getattr(full, name) for name in WebhookEndpoint.__table__.columns.keys()}  # noqa: SIM118
    rows = [columns | {"id": f"wh_{n}"} for n in range(service.MAX_ENDPOINTS - 1)]
    async with yard.session() as session:
        await session.execute(insert(WebhookEndpoint), rows)
    with pytest.raises(WebhookLimit, match="50"):
        await make_endpoint(URL)


async def test_a_name_that_nobody_knows_yet_is_taken(make_endpoint: MakeEndpoint, settings: Settings) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    settings.allow_private_networks = False
    endpoint = await make_endpoint("https://your-service.example.com/webhook", resolve=unknown)
    assert endpoint.enabled


async def test_a_secret_is_made_shown_once_and_kept_in_the_vault(
    yard: Database, make_endpoint: MakeEndpoint, alice: User
) -> None:
    me = Principal(user_id=alice.id)
    async with yard.session() as session:
        made = await service.register(session, owner_id=alice.id, url=URL, events=["item.sold"], actor=me)
    given = await make_endpoint(URL)
    assert made.secret is not None
    assert len(base64.b64decode(made.secret.removeprefix("whsec_"))) == 32
    async with yard.session() as session:
        assert (
            await service.reveal_secret(session, made.endpoint.id, owner_id=alice.id, actor=me) == made.secret
        )
        rotated = await service.rotate_secret(session, given.id, owner_id=alice.id, actor=me)
        assert await service.reveal_secret(session, given.id, owner_id=alice.id, actor=me) == rotated.secret
        now = clock_module.now()
        assert await service.secrets_of(session, rotated.endpoint, now) == [rotated.secret, SECRET]
        assert await service.secrets_of(session, rotated.endpoint, now + service.OVERLAP) == [rotated.secret]
        rows = (await session.execute(text("SELECT * FROM webhook_endpoints"))).all()
    assert made.secret not in str(rows)
    assert SECRET not in str(rows)
    assert signing.library_secret(SECRET) == "whsec_" + base64.b64encode(SECRET.encode()).decode()
    assert await actions(yard) == [
        *("registered", "registered", "secret_revealed", "secret_rotated", "secret_revealed"),
    ]


async def test_a_webhook_of_somebody_else_is_not_there(
    yard: Database, endpoint: WebhookEndpoint, make_user: MakeUser, alice: User
) -> None:
    bob = await make_user("bob")
    async with yard.session() as session:
        delivery = await deliveries.ping(session, endpoint.id, owner_id=alice.id)
    other: dict[str, Any] = {"owner_id": bob.id, "actor": Principal(user_id=bob.id)}
    calls: list[Callable[[Session], Awaitable[object]]] = [
        lambda session: service.get(session, endpoint.id, owner_id=bob.id),
        lambda session: service.update_endpoint(session, endpoint.id, **other, enabled=False),
        lambda session: service.delete(session, endpoint.id, **other),
        lambda session: service.rotate_secret(session, endpoint.id, **other),
        lambda session: service.reveal_secret(session, endpoint.id, **other),
        lambda session: deliveries.list_deliveries(session, endpoint.id, owner_id=bob.id),
        lambda session: deliveries.replay_since(session, endpoint.id, since=endpoint.created_at, **other),
        lambda session: deliveries.ping(session, endpoint.id, owner_id=bob.id),
    ]
    for call in calls:
        async with yard.session() as session:
            with pytest.raises(NoSuchEndpoint):
                await call(session)
    async with yard.session() as session:
        with pytest.raises(NoSuchDelivery):
            await deliveries.get_delivery(session, delivery.id, owner_id=bob.id)
        with pytest.raises(NoSuchDelivery):
            await deliveries.replay(session, delivery.id, **other)
        assert await service.list_endpoints(session, owner_id=bob.id) == []


async def test_disabling_cancels_what_waits_and_enabling_begins_afresh(
    yard: Database, endpoint: WebhookEndpoint, alice: User, clock: FrozenClock
) -> None:
    me: dict[str, Any] = {"owner_id": alice.id, "actor": Principal(user_id=alice.id)}
    async with yard.session() as session:
        delivery = await deliveries.ping(session, endpoint.id, owner_id=alice.id)
        kept = await service.hold(session, endpoint.id, owner_id=alice.id)
        kept.failures, kept.failing_since = 7, clock.now()
        await service.update_endpoint(session, endpoint.id, **me, enabled=False, description="at the shop")
    async with yard.session() as session:
        [found] = await deliveries.list_deliveries(session, endpoint.id, owner_id=alice.id)
        assert (found.id, found.state, found.next_at) == (delivery.id, "cancelled", None)
        assert "disabled by its owner" in found.error
        assert "replay" in found.error
        with pytest.raises(WebhookDisabled):
            await deliveries.ping(session, endpoint.id, owner_id=alice.id)
        with pytest.raises(WebhookDisabled):
            await deliveries.replay(session, delivery.id, **me)
        again = await service.update_endpoint(session, endpoint.id, **me, enabled=True, events=["item.lost"])
        assert (again.failures, again.failing_since, again.disabled_reason) == (0, None, "")
        assert (again.events, again.description, again.ordered) == (["item.lost"], "at the shop", False)
        assert (await deliveries.replay(session, delivery.id, **me)).state == "pending"
    assert await actions(yard) == ["registered", "changed", "changed", "replayed"]


async def test_deleting_takes_everything_along(
    yard: Database, endpoint: WebhookEndpoint, make_endpoint: MakeEndpoint, alice: User, make_user: MakeUser
) -> None:
    await make_user("root")
    second = await make_endpoint(URL)
    me = Principal(user_id=alice.id)
    async with yard.session() as session:
        await deliveries.ping(session, endpoint.id, owner_id=alice.id)
        await deliveries.ping(session, second.id, owner_id=alice.id)
        await service.delete(session, endpoint.id, owner_id=alice.id, actor=me)
    async with yard.session() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookDelivery)) == 1
        with pytest.raises(NotFound):
            await vault.reveal(session, kind="webhook", id=endpoint.id, name="secret")
        await deletion.delete_account(session, alice.id)
    async with yard.session() as session:
        for table in (WebhookEndpoint, WebhookMessage, WebhookDelivery):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
