"""What receivers get, and what follows from how they answer."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import standardwebhooks
from sqlalchemy import select, update

from botyard.core.accounts.models import User
from botyard.core.accounts.types import Principal
from botyard.core.realtime.models import EventRow
from botyard.core.webhooks import deliveries, jobs, schedule, service, signing
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from botyard.core.webhooks.relay import Relay
from botyard.core.webhooks.sending import Claim, new_client, send
from botyard.core.webhooks.types import Delivery
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.ecmascript import stringify
from botyard.kit.http import GuardedTransport
from tests.core.accounts.fixtures import Queue
from tests.core.webhooks.conftest import SECRET
from tests.core.webhooks.receiver import DIE, DIE_HALF_WAY, HANG, Got, Receiver, Reply
from tests.core.webhooks.sales import Sold, happen

MakeEndpoint = Callable[..., Awaitable[WebhookEndpoint]]


async def sell(db: Database, relay: Relay, owner: User, *numbers: int) -> None:
    """Let sales happen, each a message."""
    await happen(db, *[Sold(owner_id=owner.id, n=n) for n in numbers])
    await relay.tell()


async def log_of(db: Database, endpoint: WebhookEndpoint) -> list[Delivery]:
    """The deliveries of a webhook, oldest first."""
    async with db.reader() as session:
        found = await deliveries.list_deliveries(session, endpoint.id, owner_id=endpoint.owner_id, limit=1000)
    return found[::-1]


async def fresh(db: Database, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """The webhook as it is stored now."""
    async with db.reader() as session:
        return await service.get(session, endpoint.id, owner_id=endpoint.owner_id)


def verify(got: Got, *secrets: str) -> None:
    """Check everything that a receiver can check, with each of these secrets."""
    body = json.loads(got.body)
    signature = body.pop("signature")
    assert list(body) == ["event", "timestamp", "data"]
    digest = hmac.new(secrets[0].encode(), stringify(body).encode(), hashlib.sha256).hexdigest()
    assert signature == f"sha256={digest}"
    whole = hmac.new(secrets[0].encode(), got.body.encode(), hashlib.sha256).hexdigest()
    assert got.headers["x-webhook-signature"] == f"sha256={whole}"
    for secret in secrets:
        library = standardwebhooks.Webhook(signing.library_secret(secret))
        # the library asks the machine's own clock, which is not the test's
        at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), tz=None).astimezone()
        expected = library.sign(got.headers["webhook-id"], at, got.body)
        assert expected in got.headers["webhook-signature"].split()


# --- what arrives -----------------------------------------------------------------------------------


async def test_a_receiver_can_verify_body_header_and_standard_headers(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    me = Principal(user_id=alice.id)
    await make_endpoint(receiver.url, secret=signing.new_secret(), events=["item.lost"])
    await sell(yard, relay, alice, 1)
    assert await dispatcher.send_due() == 1
    async with yard.session() as session:
        rotated = await service.rotate_secret(session, endpoint.id, owner_id=alice.id, actor=me)
    assert rotated.secret is not None
    await sell(yard, relay, alice, 2)
    await dispatcher.send_due()
    clock.advance(24 * 3600)
    await sell(yard, relay, alice, 3)
    await dispatcher.send_due()
    first, second, third = receiver.got
    verify(first, SECRET)
    verify(second, rotated.secret, SECRET)
    verify(third, rotated.secret)
    assert [len(got.headers["webhook-signature"].split()) for got in receiver.got] == [1, 2, 1]
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("Botyard/")
    [shown, *_] = await log_of(yard, endpoint)
    async with yard.reader() as session:
        detail = await deliveries.get_delivery(session, shown.id, owner_id=alice.id)
    assert (detail.body, shown.state, shown.status) == (first.body, "delivered", 204)
    assert [(one.number, one.status, one.error) for one in detail.attempts] == [(1, 204, "")]


def test_the_official_package_accepts_both_kinds_of_secret() -> None:
    text = '{"event":"x","timestamp":"t","data":{}}'
    for secret in ("a secret of sixteen or more", signing.new_secret()):
        now = datetime.now().astimezone()
        sent = signing.body(text, signing.of_text(secret, text))
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signing.standard(
                ["another secret, 16 long", secret], "evt_1", int(now.timestamp()), sent
            ),
        }
        library = standardwebhooks.Webhook(signing.library_secret(secret))
        assert library.verify(sent, headers)["event"] == "x"
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            library.verify(sent.replace("x", "y"), headers)


async def test_a_ping_and_a_replay_are_sent_whatever_was_before(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
) -> None:
    async with yard.session() as session:
        await deliveries.ping(session, endpoint.id, owner_id=alice.id)
    await sell(yard, relay, alice, 1, 2)
    await dispatcher.send_due()
    ping, _, last = await log_of(yard, endpoint)
    assert (ping.event, ping.state) == ("webhook.ping", "delivered")
    async with yard.session() as session:
        me = Principal(user_id=alice.id)
        await deliveries.replay(session, last.id, owner_id=alice.id, actor=me)
    assert await dispatcher.send_due() == 1
    again = receiver.got[-1]
    assert again.headers["webhook-id"] == last.message_id
    assert receiver.bodies().count(again.body) == 2
    async with yard.reader() as session:
        detail = await deliveries.get_delivery(session, last.id, owner_id=alice.id)
        assert [one.number for one in detail.attempts] == [1, 1]
        newest = await deliveries.list_deliveries(
            session, endpoint.id, owner_id=alice.id, limit=1, offset=1, state=last.state
        )
        assert [one.event for one in newest] == ["item.sold"]
        assert await deliveries.count_deliveries(session, endpoint.id, owner_id=alice.id) == 3


# --- how receivers answer ---------------------------------------------------------------------------


async def test_what_fails_is_sent_again_under_the_same_id_with_the_same_body(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    ways: dict[str, tuple[Reply | str, int | None, str]] = {
        "broken": (Reply(500, b"token=abcdefghijklmnop broke"), 500, "answered 500"),
        "redirect": (Reply(302, headers=("Location: /elsewhere",)), 302, "redirects are not followed"),
        "hang": (HANG, None, "too long"),
        "die": (DIE, None, "plain HTTP"),
        "half": (DIE_HALF_WAY, None, "plain HTTP"),
    }
    endpoints = {way: await make_endpoint(f"{receiver.url}/{way}") for way in ways}
    receiver.answer = lambda got: ways[got.path.removeprefix("/hook/")][0]
    await sell(yard, relay, alice, 1)
    assert await dispatcher.send_due() == 5
    for way, (_, status, error) in ways.items():
        [failed] = await log_of(yard, endpoints[way])
        assert (failed.state, failed.attempts, failed.status) == ("pending", 1, status)
        assert error in failed.error
        assert failed.next_at is not None
        assert 4.4 < (failed.next_at - clock.now()).total_seconds() < 5.6
    receiver.answers(Reply(200, b"x" * 200_000))
    clock.advance(6)
    assert await dispatcher.send_due() == 5
    assert len({(got.path, got.headers["webhook-id"], got.body) for got in receiver.got}) == 5
    for endpoint in endpoints.values():
        [arrived] = await log_of(yard, endpoint)
        assert (arrived.state, arrived.attempts, arrived.status, arrived.error) == ("delivered", 2, 200, "")
        async with yard.reader() as session:
            first, second = (await deliveries.get_delivery(session, arrived.id, owner_id=alice.id)).attempts
        assert "abcdefghijklmnop" not in first.reply
        assert len(second.reply) == 1000  # a long reply is cut, and is no failure


async def test_of_an_answer_that_is_packed_the_status_alone_counts(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
) -> None:
    packed = gzip.compress(b"x" * 10_000_000)
    encoding = ("Content-Encoding: gzip",)
    receiver.answers(Reply(200, packed, encoding), Reply(500, packed, encoding))
    await sell(yard, relay, alice, 1)
    await dispatcher.send_due()
    await sell(yard, relay, alice, 2)
    await dispatcher.send_due()
    taken, refused = await log_of(yard, endpoint)
    assert (taken.state, taken.status, taken.error) == ("delivered", 200, "")
    assert (refused.state, refused.status, refused.error) == ("pending", 500, "The receiver answered 500.")
    async with yard.reader() as session:
        [attempt] = (await deliveries.get_delivery(session, taken.id, owner_id=alice.id)).attempts
    assert attempt.reply == "(packed, so it was not read)"


async def test_a_name_that_leads_inside_is_not_called(
    yard: Database, relay: Relay, make_endpoint: MakeEndpoint, receiver: Receiver, alice: User
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    endpoint = await make_endpoint(f"http://shop.example:{receiver.port}/hook", resolve=resolve)
    dispatcher = Dispatcher(yard, DueBell(), transport=GuardedTransport(resolve=resolve))
    await sell(yard, relay, alice, 1)
    await dispatcher.send_due()
    await dispatcher.stop()
    [refused] = await log_of(yard, endpoint)
    assert "may not be called" in refused.error
    assert receiver.got == []


async def test_a_receiver_that_is_gone_is_disabled_at_once_and_its_owner_told(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    queue: Queue,
    outbox: Path,
) -> None:
    endpoint = await make_endpoint(receiver.url, ordered=True)
    receiver.answers(Reply(410))
    await sell(yard, relay, alice, 1, 2)
    assert await dispatcher.send_due() == 1
    first, second = await log_of(yard, endpoint)
    assert (first.state, second.state) == ("failed", "cancelled")
    assert "410" in second.error
    assert "replay" in second.error
    disabled = await fresh(yard, endpoint)
    assert (disabled.enabled, "410" in disabled.disabled_reason) == (False, True)
    async with yard.reader() as session:
        names = list(await session.scalars(select(EventRow.name)))
    assert names.count("webhooks.endpoint_disabled") == 1
    await queue.run(yard)
    [mail] = outbox.glob("*.eml")
    written = mail.read_text().replace("=\n", "")
    assert "410" in written
    assert f"/webhooks/{endpoint.id}" in written
    receiver.answers(Reply())
    async with yard.session() as session:
        whose: dict[str, Any] = {"owner_id": alice.id, "actor": Principal(user_id=alice.id)}
        await service.update_endpoint(session, endpoint.id, **whose, enabled=True)
        assert await deliveries.replay_since(session, endpoint.id, since=first.created_at, **whose) == 2
    assert await dispatcher.send_due() == 2
    assert [one.state for one in await log_of(yard, endpoint)] == ["delivered"] * 2


async def test_a_receiver_that_asks_for_a_pause_is_left_alone_for_so_long(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    until = format_datetime(clock.now() + timedelta(seconds=120), usegmt=True)
    pauses = {"/hook/429": Reply(429, headers=("Retry-After: 120",))}
    pauses["/hook/503"] = Reply(503, headers=(f"Retry-After: {until}",))
    receiver.answer = lambda got: pauses.pop(got.path, Reply())
    await make_endpoint(f"{receiver.url}/429", ordered=True)
    await make_endpoint(f"{receiver.url}/503")
    await sell(yard, relay, alice, 1)
    assert await dispatcher.send_due() == 2
    clock.advance(60)
    await sell(yard, relay, alice, 2)
    assert await dispatcher.send_due() == 0
    clock.advance(61)
    assert await dispatcher.send_due() == 4


def test_a_pause_has_an_end_and_nonsense_is_none() -> None:
    now = datetime.fromisoformat("2026-06-01T12:00:00Z")
    hour = now + timedelta(hours=1)
    assert schedule.pause(429, "999999999999", now) == hour
    assert schedule.pause(429, "-5", now) is None
    assert schedule.pause(503, "soon", now) is None
    assert schedule.pause(500, "60", now) is None
    assert schedule.pause(503, format_datetime(now - timedelta(days=1)), now) == now
    for beyond in ("1 Jan 99999999999 00:00:00 +0000", "1 Jan 2026 00:00:00 +99999999999"):
        assert schedule.pause(503, beyond, now) is None


async def test_a_reply_that_never_ends_keeps_its_place_for_seconds_only() -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"taken"
        await asyncio.Event().wait()

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    claim = Claim("whd_1", "wh_1", 1, "evt_1", "lease_1", 0, "https://shop.example", "{}", (SECRET,), False)
    async with (
        asyncio.timeout(8),
        new_client(allow_private=False, transport=httpx.MockTransport(answer)) as client,
    ):
        outcome = await send(client, claim)
    assert (outcome.delivered, outcome.status, outcome.reply) == (True, 200, "taken")


# --- over days --------------------------------------------------------------------------------------


async def test_ten_attempts_in_75_hours_then_it_has_failed(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    receiver.answers(Reply(500))
    await sell(yard, relay, alice, 1)
    began = clock.now()
    while (delivery := (await log_of(yard, endpoint))[0]).next_at is not None:
        clock.advance(max(0.0, (delivery.next_at - clock.now()).total_seconds()))
        assert await dispatcher.send_due() == 1
    assert (delivery.state, delivery.attempts, len(receiver.got)) == ("failed", 10, 10)
    assert 65 < (clock.now() - began).total_seconds() / 3600 < 85
    assert sum(schedule.DELAYS_S) / 3600 == pytest.approx(75.6, abs=0.1)
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 10
    assert (await fresh(yard, endpoint)).enabled


async def test_five_days_of_nothing_but_failures_disable_it(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
    queue: Queue,
    outbox: Path,
) -> None:
    async def every_two_days(times: int, reply: Reply) -> bool:
        receiver.answers(reply)
        for _ in range(times):
            await sell(yard, relay, alice, 1, 2, 3)
            await dispatcher.send_due()
            clock.advance(48 * 3600)
        return (await fresh(yard, endpoint)).enabled

    assert await every_two_days(3, Reply(500))
    assert await every_two_days(1, Reply(200))  # one success, and the days count from the beginning
    assert await every_two_days(3, Reply(500))
    assert not await every_two_days(1, Reply(500))
    await queue.run(yard)
    [mail] = outbox.glob("*.eml")
    assert "Nothing but failures for 5 days" in mail.read_text()
    assert not [one for one in await log_of(yard, endpoint) if one.state == "pending"]


async def test_deliveries_are_forgotten_after_30_days(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    alice: User,
    clock: FrozenClock,
) -> None:
    await sell(yard, relay, alice, *range(3))
    await dispatcher.send_due()
    clock.advance(30 * 24 * 3600 - 60)
    await sell(yard, relay, alice, 3)
    clock.advance(120)
    assert await jobs.retain.run_inline(yard) == 3
    async with yard.reader() as session:
        for table, left in ((WebhookMessage, 1), (WebhookDelivery, 1), (WebhookAttempt, 0)):
            assert len(list(await session.scalars(select(table)))) == left


# --- order, fairness, crashes -----------------------------------------------------------------------


async def test_an_ordered_webhook_gets_one_at_a_time_in_order(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    await make_endpoint(receiver.url, ordered=True)
    receiver.answers(Reply(), Reply(500), Reply())
    await sell(yard, relay, alice, *range(12))
    assert await dispatcher.send_due() == 2  # the second failed, and the others wait behind it
    clock.advance(6)
    assert await dispatcher.send_due() == 11
    assert [json.loads(body)["data"]["n"] for body in receiver.bodies()] == [0, 1, *range(1, 12)]
    assert receiver.most_at_once == 1


async def test_receivers_that_hang_delay_no_other(
    yard: Database, relay: Relay, make_endpoint: MakeEndpoint, receiver: Receiver, alice: User
) -> None:
    hanging = [await make_endpoint(f"{receiver.url}/dead/{n}", description="dead") for n in range(10)]
    receiver.answer = lambda got: HANG if "dead" in got.path else Reply()
    await sell(yard, relay, alice, *range(20))
    await make_endpoint(receiver.url)
    transport = GuardedTransport(allow_private=True, timeout_s=60)
    dispatcher = Dispatcher(yard, yard.parts.get(DueBell), transport=transport, look_s=0.05)
    await dispatcher.start()
    living, dead = 0, 0
    while dead < 20:  # they are under way, and none will answer in this test
        dead += "dead" in (await receiver.arrivals.get()).path
    await sell(yard, relay, alice, *range(20, 40))
    while living < 20:
        living += "dead" not in (await receiver.arrivals.get()).path
    by_path = [got.path for got in receiver.got]
    assert max(by_path.count(f"/hook/dead/{n}") for n in range(len(hanging))) <= 8
    receiver.release()
    await dispatcher.stop()


async def test_a_dead_process_leaves_its_deliveries_to_the_next_one_under_the_same_id(
    yard: Database,
    relay: Relay,
    endpoint: WebhookEndpoint,
    receiver: Receiver,
    alice: User,
    clock: FrozenClock,
) -> None:
    receiver.answers(HANG)
    await sell(yard, relay, alice, 1, 2)
    transport = GuardedTransport(allow_private=True, timeout_s=60)
    dying = Dispatcher(yard, DueBell(), transport=transport, look_s=0.05)
    await dying.start()
    sent = [await receiver.arrivals.get(), await receiver.arrivals.get()]
    for task in (dying._task, *dying._sending):  # no stop: the process is simply gone
        assert task is not None
        task.cancel()
    receiver.answers(Reply())
    living = Dispatcher(yard, DueBell(), transport=transport, look_s=0.05)
    if not yard.embedded:  # somebody else may be sending there: the lease must run out
        assert await living.send_due() == 0
        clock.advance(61)
    await living.start()
    again = [await receiver.arrivals.get(), await receiver.arrivals.get()]
    await living.stop()
    assert sorted((got.headers["webhook-id"], got.body) for got in again) == sorted(
        (got.headers["webhook-id"], got.body) for got in sent
    )
    assert [one.state for one in await log_of(yard, endpoint)] == ["delivered", "delivered"]
    # a lease that was lost settles nothing
    await dying.stop()
    assert [one.attempts for one in await log_of(yard, endpoint)] == [1, 1]


async def test_a_secret_that_does_not_open_is_a_failure_that_says_so(
    yard: Database,
    relay: Relay,
    dispatcher: Dispatcher,
    endpoint: WebhookEndpoint,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
) -> None:
    from botyard.core.vault.models import VaultRecord

    other = await make_endpoint(receiver.url)
    async with yard.session() as session:
        broken = VaultRecord.record_id == endpoint.id
        await session.execute(update(VaultRecord).where(broken).values(ciphertext=b"x" * 40))
    await sell(yard, relay, alice, 1)
    assert await dispatcher.send_due() == 1
    assert [one.state for one in await log_of(yard, other)] == ["delivered"]
    [failed] = await log_of(yard, endpoint)
    assert (failed.state, failed.attempts) == ("pending", 1)
    assert "secret" in failed.error
