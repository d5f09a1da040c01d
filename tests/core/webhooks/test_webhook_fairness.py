"""Whatever one account's receivers do, those of others get theirs."""

from datetime import UTC, datetime

from botyard.core.accounts.models import User
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.claiming import IN_FLIGHT, PER_ENDPOINT, Candidate, Room, in_turn
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.models import WebhookEndpoint
from botyard.core.webhooks.relay import Relay
from botyard.core.webhooks.sending import Claim
from botyard.kit.db import Database
from botyard.kit.http import GuardedTransport
from tests.core.accounts.fixtures import MakeUser
from tests.core.webhooks.receiver import HANG, Receiver, Reply
from tests.core.webhooks.test_webhook_sending import MakeEndpoint, sell

ALICE, BOB, CAROL = 1, 2, 3


def webhook(owner_id: int, *, failing: bool = False, ordered: bool = False) -> WebhookEndpoint:
    """A webhook of that account."""
    since = datetime(2026, 6, 1, tzinfo=UTC) if failing else None
    return WebhookEndpoint(id="wh", owner_id=owner_id, failing_since=since, ordered=ordered)


def hang_up(room: Room, owner_id: int, **kind: bool) -> int:
    """Let an account begin all that it may, each delivery by a webhook of its own; answers how many."""
    begun = 0
    while number := room.for_endpoint(webhook(owner_id, **kind), elsewhere=0):
        room.take(webhook(owner_id, **kind), number)
        begun += number
    return begun


def test_an_account_has_half_of_all_places_and_each_further_one_half_of_the_rest() -> None:
    room = Room([])
    assert [hang_up(room, owner_id) for owner_id in range(1, 6)] == [48, 24, 12, 6, 3]
    assert room.for_account(6) == 1


def test_ordered_webhooks_count_as_well() -> None:
    room = Room([])
    assert hang_up(room, ALICE, ordered=True) == IN_FLIGHT // 2
    assert room.for_endpoint(webhook(BOB, ordered=True), elsewhere=0) == 1


def test_of_the_places_for_receivers_in_trouble_no_account_has_more_than_half() -> None:
    room = Room([])
    assert hang_up(room, ALICE, failing=True) == 12
    assert room.for_endpoint(webhook(BOB, failing=True), elsewhere=0) == 1
    assert room.for_endpoint(webhook(ALICE), elsewhere=0) == PER_ENDPOINT  # her healthy ones go on


def test_what_is_under_way_counts_for_its_account() -> None:
    claims = [
        Claim("whd", "wh", owner_id, "evt", "lease", 0, "https://shop.example", "{}", (), False)
        for owner_id, number in ((ALICE, 48), (BOB, 10))
        for _ in range(number)
    ]
    room = Room(claims)
    assert [room.for_account(owner_id) for owner_id in (ALICE, BOB, CAROL)] == [0, 14, 19]


def test_accounts_take_turns_whatever_number_of_webhooks_they_have() -> None:
    due = [Candidate(f"alice {n:02}", ALICE, 8) for n in range(50)] + [Candidate("bob", BOB, 8)]
    served = {"alice 00": 7, "alice 01": 3, "bob": 9}
    assert in_turn(due, served)[:3] == ["alice 02", "bob", "alice 03"]
    assert in_turn(due, served)[-2:] == ["alice 01", "alice 00"]


async def test_an_account_whose_receivers_all_hang_delays_no_other(
    yard: Database,
    relay: Relay,
    make_endpoint: MakeEndpoint,
    receiver: Receiver,
    alice: User,
    make_user: MakeUser,
) -> None:
    bob = await make_user("bob")
    for n in range(20):
        await make_endpoint(f"{receiver.url}/dead/{n}")
    receiver.answer = lambda got: HANG if "dead" in got.path else Reply()
    await sell(yard, relay, alice, *range(8))
    await make_endpoint(receiver.url, owner_id=bob.id)
    transport = GuardedTransport(allow_private=True, timeout_s=60)
    dispatcher = Dispatcher(yard, yard.parts.get(DueBell), transport=transport, look_s=0.05)
    await dispatcher.start()
    dead, living = 0, 0
    while dead < IN_FLIGHT // 2:  # all that she may have, and none will answer in this test
        dead += "dead" in (await receiver.arrivals.get()).path
    await sell(yard, relay, bob, *range(20))
    while living < 20:
        got = await receiver.arrivals.get()
        living += "dead" not in got.path
        dead += "dead" in got.path
    assert dead == IN_FLIGHT // 2
    receiver.release()
    await dispatcher.stop()
