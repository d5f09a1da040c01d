"""Pages of webhooks: made, tried, followed, repaired and removed, by their owner alone."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from botyard.core import audit
from botyard.core.realtime.events import publish
from botyard.core.webhooks import catalogue
from botyard.core.webhooks.health import Health, Last
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint
from botyard.core.webhooks.types import DeliveryState
from botyard.features.chatbots.events import TrainingFailed
from botyard.web.policy import POLICY
from botyard.web.rendering import render
from botyard.web.webhook_rows import WebhookRow
from botyard.web.webhooks import readable
from tests.contracts.running import Running
from tests.core.webhooks.receiver import HANG, Got, Receiver, Reply, receiving
from tests.web.person import ADMIN_PASSWORD, PASSWORD, Html, People, Person
from tests.web.test_pages import assert_whole

WAIT_S = 15
EVENTS = ["training.completed", "training.failed"]


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """The receivers are on this machine."""
    return {"allow_private_networks": True}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Takes everything until a test tells it otherwise."""
    async with receiving() as receiver:
        yield receiver


async def make(person: Person, url: str, **fields: Any) -> tuple[str, Html]:
    """A webhook's path, and what was shown when it was made."""
    shown = Html((await person.do("/webhooks", url=url, **{"events": EVENTS, **fields})).text)
    link = next(str(a["href"]) for a in shown.of("a") if str(a["href"]).count("/") == 2)  # the list follows
    return link, shown


async def fail_a_training(running: Running, owner: Person, error: str) -> None:
    """Something that webhooks hear of."""
    event = TrainingFailed(owner_id=owner.id, chatbot_id="bot_1", training_id="train_1", error=error)
    async with running.db.session() as session:
        publish(session, event)


async def arrival(receiver: Receiver) -> Got:
    """The next request that arrives."""
    async with asyncio.timeout(WAIT_S):
        return await receiver.arrivals.get()


async def newest(person: Person, path: str) -> str:
    """The address of the newest delivery."""
    page = await person.look(path)
    return next(str(a["href"]) for a in page.of("a") if "/deliveries/" in str(a["href"]))


async def test_page_says_what_will_be_there_and_names_every_event(ada: Person) -> None:
    page = await ada.look("/webhooks")

    assert_whole(page)
    assert "No webhooks yet" in page.text
    for one in catalogue.all_declared():
        assert f"{one.name} {one.about}".strip() in page.text


async def test_secret_is_shown_when_it_is_made_and_a_ping_shows_what_the_receiver_answered(
    ada: Person, receiver: Receiver
) -> None:
    receiver.answers(Reply(200, b"<b>taken</b>"))
    path, shown = await make(ada, receiver.url, description="Order desk", ordered="yes")
    secret = shown.value("made-secret")
    assert secret.startswith("whsec_")

    sent = await ada.do(f"{path}/test")
    address = sent.headers["hx-redirect"]
    query = address.removeprefix("/webhooks/").partition("/deliveries/")
    async with asyncio.timeout(WAIT_S):
        async with ada.live(f"/live/webhook-delivery?id={query[0]}&delivery={query[2]}") as stream:
            await stream.until("Delivered")

    got = await arrival(receiver)
    delivery, listed = await ada.look(address), await ada.look("/webhooks")
    for page in (delivery, listed, await ada.look(path), await ada.look(f"{path}/settings")):
        assert_whole(page)
        assert secret not in page.source
    assert got.headers["webhook-id"] in delivery.text
    assert "200 Attempt 1 just now" in delivery.text
    assert "<b>taken</b>" in delivery.text
    assert json.loads(got.body)["event"] == "webhook.ping"
    assert "Order desk" in listed.text
    assert "Healthy" in listed.text
    assert "in order" in listed.text


async def test_new_webhook_stands_in_the_list_at_once(ada: Person, receiver: Receiver) -> None:
    _, shown = await make(ada, receiver.url, description="Order desk")

    assert "No webhooks yet" not in shown.text
    assert "Order desk http://127.0.0.1" in shown.text


async def test_delivery_says_what_is_under_way_what_comes_next_and_is_sent_now(
    ada: Person, receiver: Receiver, running: Running
) -> None:
    receiver.answers(HANG)
    path, _ = await make(ada, receiver.url)
    await fail_a_training(running, ada, "one")
    first = await arrival(receiver)
    address = await newest(ada, path)
    query = f"id={path.rpartition('/')[2]}&delivery={address.rpartition('/')[2]}"

    sending, sending_listed = await ada.look(address), await ada.look(path)
    receiver.answers(Reply(500, b"closed"))
    receiver.release()
    async with asyncio.timeout(WAIT_S), ada.live(f"/live/webhook-delivery?{query}") as stream:
        await stream.until("Retrying")
    async with running.db.session() as session:  # not in five seconds, so that there is something to hurry
        later = datetime.now(UTC) + timedelta(hours=1)
        await session.execute(update(WebhookDelivery).values(next_at=later))
    waiting, waiting_listed = await ada.look(address), await ada.look(path)
    receiver.answers(Reply(204))
    await ada.do(f"{address}/replay")
    async with asyncio.timeout(WAIT_S), ada.live(f"/live/webhook-delivery?{query}") as stream:
        await stream.until("Delivered")
    sent = await ada.look(address)

    for page in (sending, waiting, sent):
        assert_whole(page)
        assert first.headers["webhook-id"] in page.text
    assert "Attempt 1 of 10 is under way" in sending.text
    assert "Send now" not in sending.text
    assert "Sending 0 now" in sending_listed.text
    assert "of 10 comes in" in waiting.text
    assert "Send now" in waiting.text
    assert "Retrying" in waiting_listed.text
    assert '  "event": "training.failed",' in waiting.source.replace("&#34;", '"')
    assert "sent again" in sent.text
    assert "sent again" not in waiting.text


def test_body_with_half_a_character_can_be_shown() -> None:
    shown = readable('{"text":"half of \\ud83d, whole \U0001f600"}')

    assert shown.encode().decode() == '{\n  "text": "half of \\ud83d, whole \U0001f600"\n}'


def test_webhook_is_not_called_healthy_for_what_was_forgiven() -> None:
    endpoint = WebhookEndpoint(id="wh_1", enabled=True, failures=0, paused_until=None)
    last = Last("whd_1", "training.failed", DeliveryState.cancelled, 2, datetime.now(UTC))

    assert WebhookRow(Health(endpoint, last, waiting=0)).state == ("", "Not tried since")


@pytest.mark.parametrize(
    ("days", "said"), [(1, "the webhook is disabled in 3"), (6, "when the next attempt fails too")]
)
def test_page_says_when_a_failing_webhook_is_disabled(days: int, said: str) -> None:
    endpoint = WebhookEndpoint(id="wh_1", enabled=True, failures=9, ordered=False, disabled_reason="")
    endpoint.paused_until = None
    endpoint.failing_since = datetime.now(UTC) - timedelta(days=days)

    shown = Html(render("_webhook_health.html", webhook=WebhookRow(Health(endpoint, None, waiting=2))))

    assert said in shown.text.replace("\u00a0", " ")


async def test_what_is_wrong_is_told_at_its_field(ada: Person) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("url", {"url": "", "events": EVENTS}),
        ("url", {"url": "ftp://example.org", "events": EVENTS}),
        ("events", {"url": "http://127.0.0.1:9"}),
        ("secret", {"url": "http://127.0.0.1:9", "events": EVENTS, "secret": "short"}),
    ]
    for field, sent in wrong:
        reply = await ada.send("/webhooks", form="new-webhook-form", **sent)
        assert reply.status_code == 400
        assert 'hx-target="#new-webhook-form-error"' in reply.text
        assert f'data-field="{field}"' in reply.text, sent
    assert "No webhooks yet" in (await ada.look("/webhooks")).text


async def test_other_people_and_administrators_find_nothing(
    ada: Person, admin: Person, people: People, receiver: Receiver
) -> None:
    path, _ = await make(ada, receiver.url, description="Hers")
    await ada.do(f"{path}/test")
    delivery = (await newest(ada, path)).rpartition("/")[2]
    names = {"webhook_id": path.rpartition("/")[2], "delivery_id": delivery}
    rows = [row for row in POLICY if "{webhook_id}" in row]
    assert len(rows) == 13
    for person, password in ((await people.join(), PASSWORD), (admin, ADMIN_PASSWORD)):
        for row in rows:
            method, _, address = row.partition(" ")
            address = address.format(**names)
            if method == "GET":
                await person.look(address, status=404)
            else:
                sent = {
                    "password": password,
                    "url": receiver.url,
                    "events": EVENTS,
                    "since": "2026-01-01T00:00",
                }
                assert (await person.send(address, **sent)).status_code == 404, row
        for view in ("webhook", "webhook-delivery"):
            query = f"id={names['webhook_id']}&delivery={delivery}"
            assert (await person.http.get(f"/live/{view}?{query}")).status_code == 404
        assert "Hers" not in (await person.look("/webhooks")).text
    mine, _ = await make(ada, receiver.url)
    await ada.look(f"{mine}/deliveries/{delivery}", status=404)


async def test_secret_is_shown_and_replaced_with_the_password_only(
    ada: Person, receiver: Receiver, running: Running
) -> None:
    own = "my own secret, long enough"
    path, made = await make(ada, receiver.url, secret=own)
    assert own not in made.source
    for act in ("reveal", "rotate"):
        assert (await ada.send(f"{path}/secret/{act}", password="not it")).status_code == 401

    shown = Html((await ada.do(f"{path}/secret/reveal", password=PASSWORD)).text)
    replaced = Html((await ada.do(f"{path}/secret/rotate", password=PASSWORD)).text)
    await ada.do(f"{path}/test")

    assert shown.value("webhook-secret") == own
    assert shown.value("webhook-library-secret").startswith("whsec_")
    assert replaced.value("webhook-secret").startswith("whsec_")
    assert len((await arrival(receiver)).headers["webhook-signature"].split()) == 2
    assert "signs beside it; that ends" in (await ada.look(f"{path}/settings")).text
    target = f"webhook:{path.rpartition('/')[2]}"
    async with running.db.reader() as session:
        looks = await audit.list_entries(session, target=target, action="webhook.secret_revealed")
    assert len(looks) == 1


async def test_disabled_webhook_says_why_and_catches_up_once_it_is_enabled(
    ada: Person, receiver: Receiver, running: Running
) -> None:
    path, _ = await make(ada, receiver.url)
    receiver.answers(Reply(500, b"closed"))
    await fail_a_training(running, ada, "one")
    first = await arrival(receiver)
    await ada.do(f"{path}/disable")
    await fail_a_training(running, ada, "two")

    page = await ada.look(path)
    assert_whole(page)
    assert "Nothing is sent to it. It was disabled by its owner." in page.text
    assert "It was disabled by its owner." in (await ada.look("/webhooks")).text
    assert (await ada.send(f"{path}/test")).status_code == 409
    enabled = await ada.do(f"{path}/enable")
    assert "?since=" in enabled.headers["hx-redirect"]
    offered = await ada.look(enabled.headers["hx-redirect"])
    begin = datetime.fromisoformat(offered.value("replay-since")).replace(tzinfo=UTC)
    assert datetime.now(UTC) - begin < timedelta(hours=1)  # what was missed, and not just the last day
    receiver.answers(Reply(204))
    async with asyncio.timeout(WAIT_S):  # the second may not have been told yet
        ids: set[str] = set()
        while len(ids) < 2:
            since = datetime.now(UTC) - timedelta(minutes=5)
            await ada.do(f"{path}/replay", since=f"{since:%Y-%m-%dT%H:%M}", delivered="yes")
            ids.add((await arrival(receiver)).headers["webhook-id"])
    assert first.headers["webhook-id"] in ids
    wrong = await ada.send(f"{path}/replay", form="replay-form", since="yesterday")
    assert (wrong.status_code, 'data-field="since"' in wrong.text) == (400, True)


async def test_deliveries_are_listed_by_state_and_sent_again_one_by_one(
    ada: Person, receiver: Receiver, running: Running
) -> None:
    path, _ = await make(ada, receiver.url)
    await fail_a_training(running, ada, "one")
    first = await arrival(receiver)
    async with asyncio.timeout(WAIT_S), ada.live(f"/live/webhook?id={path.rpartition('/')[2]}") as stream:
        await stream.until("Delivered")

    assert "training.failed" in (await ada.look(f"{path}?state=delivered")).text
    assert "No deliveries in this state" in (await ada.look(f"{path}?state=failed")).text
    assert "training.failed" in (await ada.look(f"{path}?state=nonsense")).text
    await ada.look(f"{path}?page=7&since=nonsense")
    await ada.do(f"{await newest(ada, path)}/replay")
    assert (await arrival(receiver)).headers["webhook-id"] == first.headers["webhook-id"]


async def test_changing_and_deleting_take_what_they_should(ada: Person, receiver: Receiver) -> None:
    path, _ = await make(ada, receiver.url)

    await ada.do(f"{path}/settings", url=receiver.url, events=["training.failed"], description="Renamed")
    page = await ada.look(f"{path}/settings")
    checked = [box["value"] for box in page.of("input") if box.get("name") == "events" and "checked" in box]
    refused = await ada.send(f"{path}/delete", password="not it")
    await ada.do(f"{path}/delete", password=PASSWORD)

    assert checked == ["training.failed"]
    assert "Renamed" in page.text
    assert refused.status_code == 401
    await ada.look(path, status=404)


async def test_code_that_the_page_offers_takes_what_is_sent_and_refuses_the_rest(
    ada: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = await make(ada, receiver.url)
    secret = made.value("made-secret")
    await ada.do(f"{path}/test")
    got = await arrival(receiver)
    page = await ada.look(f"{path}/verify")
    python = next(words for words in page.words if words.startswith("import os"))
    plain = next(words for words in page.words if words.startswith("import crypto"))

    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    receive: dict[str, Any] = {}
    exec(python, receive)  # what readers copy must work
    answers = [receive["receive"](body.encode(), got.headers) for body in (got.body, got.body + " ")]

    assert_whole(page)
    assert answers == [204, 400]
    if node := shutil.which("node"):
        asked = f"{plain}\nconst [body, secret] = JSON.parse(process.argv[1]);\nconsole.log(genuine(body, secret));"
        said = []
        for body in (got.body, got.body.replace("ping", "pong")):
            run = [node, "--input-type=module", "-e", asked, json.dumps([body, secret])]
            done = subprocess.run(run, capture_output=True, text=True, check=True)
            said.append(done.stdout.strip())
        assert said == ["true", "false"]
