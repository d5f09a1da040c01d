"""The settings page: values changed in place, refused next to their field, told in the history, taken back."""

import re

import pytest

from botyard.app import Yard
from botyard.core.config import queries
from botyard.core.config import service as config
from botyard.features.fleet.presence import Presence
from tests.contracts.running import Running
from tests.web.person import Html, Person
from tests.web.test_pages import assert_whole


async def stored(running: Running, service: str) -> dict[str, object]:
    async with running.db.reader() as session:
        return await config.read(session, service)


async def newest(running: Running) -> int:
    async with running.db.reader() as session:
        return (await queries.list_changes(session, limit=1))[0].id


def parts(text: str) -> list[str]:
    return re.findall(r'hx-target="([^"]+)"', text)


async def test_a_value_is_changed_in_place(admin: Person, running: Running) -> None:
    reply = await admin.do(
        "/settings/set", service="botyard", key="signin_attempts", kind="number", value="7"
    )

    assert parts(reply.text) == ["#settings", "#history", "#toasts"]
    assert (await stored(running, "botyard"))["signin_attempts"] == 7
    page = Html(reply.text)
    assert "signin_attempts is saved." in page.text
    assert "start value → to 7" in page.text
    await admin.do("/settings/remove", service="botyard", key="signin_attempts")
    assert (await stored(running, "botyard"))["signin_attempts"] == 10


async def test_a_change_reaches_what_was_made_before_it(admin: Person, running: Running) -> None:
    presence = running.db.parts.get(Presence)
    await admin.do("/settings/set", service="botyard", key="presence_timeout_s", kind="number", value="20")
    await admin.do("/settings/set", service="botyard", key="registration", kind="choice", value="closed")

    assert presence.longest_silence_s == 10
    assert "takes no registrations" in (await admin.look("/register")).text
    await admin.do("/settings/remove", service="botyard", key="presence_timeout_s")
    await admin.do("/settings/remove", service="botyard", key="registration")
    assert presence.longest_silence_s == 30


async def test_every_kind_of_own_setting_can_be_changed(admin: Person, running: Running) -> None:
    for key, kind, text, value in (
        ("x_enabled", "switch", "true", True),
        ("x_monthly_cap_usd", "amount", "2.50", "2.5"),
        ("log_level", "choice", "error", "error"),
        ("job_concurrency", "number", "3", 3),
    ):
        await admin.do("/settings/set", service="botyard", key=key, kind=kind, value=text)
        assert (await stored(running, "botyard"))[key] == value
    page = await admin.look("/settings")
    assert "Waits for a restart" in page.text
    assert_whole(page)


@pytest.mark.parametrize(
    ("key", "kind", "value", "said"),
    [
        ("signin_attempts", "number", "0", "It is a whole number from 1 to 1000."),
        ("signin_attempts", "number", "many", "It is a number."),
        ("registration", "choice", "perhaps", "It is one of open, invite, closed."),
        ("x_monthly_cap_usd", "amount", "1.005", "at most two decimals"),
        ("x_enabled", "switch", "perhaps", "It is either true or false."),
    ],
)
async def test_a_refusal_stands_next_to_its_field(
    admin: Person, running: Running, key: str, kind: str, value: str, said: str
) -> None:
    before = await stored(running, "botyard")

    reply = await admin.send(
        "/settings/set", form="set-3", service="botyard", key=key, kind=kind, value=value
    )

    assert reply.status_code == 400
    assert parts(reply.text) == ["#set-3-error"]
    assert said in Html(reply.text).text
    assert 'data-field="value"' in reply.text
    assert await stored(running, "botyard") == before


async def test_a_service_is_added_with_its_first_setting(admin: Person, running: Running) -> None:
    name = "mail & <b>more</b>"
    reply = await admin.do("/settings/add", service=name, key="retries", kind="number", value="3")

    page = await admin.look(reply.headers["hx-redirect"])
    assert_whole(page)
    assert name in page.text
    assert "<b>more" not in page.source
    for key, kind, text, value in (
        ("sender", "text", "a@example.org", "a@example.org"),
        ("strict", "switch", "yes", True),
        ("hosts", "json", '["a", {"b": null}]', ["a", {"b": None}]),
        ("text", "text", "one\r\ntwo", "one\ntwo"),
    ):
        await admin.do("/settings/add", service=name, key=key, kind=kind, value=text)
        assert (await stored(running, name))[key] == value
    assert_whole(await admin.look(reply.headers["hx-redirect"]))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"service": "", "key": "a", "kind": "text", "value": ""}, "service"),
        ({"service": "botyard", "key": "a", "kind": "text", "value": ""}, "service"),
        ({"service": "adding", "key": "", "kind": "text", "value": ""}, "key"),
        ({"service": "adding", "key": "taken", "kind": "text", "value": ""}, "key"),
        ({"service": "adding", "key": "a", "kind": "number", "value": "true"}, "value"),
        ({"service": "adding", "key": "a", "kind": "number", "value": "9223372036854775808"}, "value"),
        ({"service": "Botyard", "key": "a", "kind": "text", "value": ""}, "service"),
        ({"service": "adding", "key": "a", "kind": "json", "value": "null"}, "value"),
        ({"service": "adding", "key": "a", "kind": "json", "value": "NaN"}, "value"),
        ({"service": "adding", "key": "a", "kind": "json", "value": '{"a": {"$secret": "x"}}'}, "value"),
        ({"service": "adding", "key": "a", "kind": "secret", "value": ""}, "value"),
    ],
)
async def test_what_cannot_be_added_is_told_in_the_dialog(
    admin: Person, running: Running, fields: dict[str, str], field: str
) -> None:
    await admin.send("/settings/add", service="adding", key="taken", kind="text", value="")

    reply = await admin.send("/settings/add", form="new-setting-form", **fields)

    assert reply.status_code == 400
    assert f'data-field="{field}"' in reply.text
    assert await stored(running, "adding") == {"taken": ""}


async def test_a_secret_is_written_and_never_shown(admin: Person, running: Running) -> None:
    planted = "planted-77c1"
    await admin.do("/settings/add", service="vaulted", key="key", kind="secret", value=planted)
    reply = await admin.do("/settings/set", service="vaulted", key="key", kind="secret", value=f"{planted}-2")

    page = await admin.look("/settings?service=vaulted")
    assert planted not in reply.text
    assert planted not in page.source
    assert "secret, version 1 → to secret, version 2" in page.text
    await admin.do("/settings/undo", change=str(await newest(running)))
    async with running.db.session() as session:
        assert await config.reveal(session, "vaulted", "key", actor=None) == planted


async def test_a_change_is_taken_back_once(admin: Person, running: Running) -> None:
    await admin.do("/settings/add", service="undone", key="a", kind="number", value="1")
    first = await newest(running)
    await admin.do("/settings/set", service="undone", key="a", kind="number", value="2")
    second = await newest(running)

    page = await admin.look("/settings?service=undone")
    assert {str(each["value"]) for each in page.of("input") if each.get("name") == "change"} == {str(second)}
    reply = await admin.send("/settings/undo", form="", change=str(first))
    assert reply.status_code == 409
    assert f"by change {second}" in Html(reply.text).text
    await admin.do("/settings/undo", change=str(second))
    assert await stored(running, "undone") == {"a": 1}


async def test_a_service_whose_last_setting_went_can_be_brought_back(admin: Person, running: Running) -> None:
    await admin.do("/settings/add", service="emptied", key="a", kind="number", value="1")
    reply = await admin.do("/settings/remove", service="emptied", key="a")

    assert "No settings any more" in Html(reply.text).text
    assert "No settings any more" in (await admin.look("/settings?service=emptied")).text
    await admin.do("/settings/undo", change=str(await newest(running)))
    assert await stored(running, "emptied") == {"a": 1}


async def test_unknown_services_and_changes_are_not_there(admin: Person) -> None:
    await admin.look("/settings?service=never", status=404)
    for number in ("", "x", "999999", "9" * 30, "²"):
        assert (await admin.send("/settings/undo", change=number)).status_code == 404


async def test_what_waits_for_a_restart_holds_after_it(admin: Person, running: Running) -> None:
    await admin.do("/settings/set", service="botyard", key="job_concurrency", kind="number", value="3")
    await admin.do("/settings/set", service="botyard", key="max_body_mb", kind="number", value="2")
    settings = running.yard.settings
    assert (settings.job_concurrency, settings.max_body_mb) == (8, 10)

    again = Yard(settings.model_copy())

    assert (again.settings.job_concurrency, again.settings.max_body_mb) == (3, 2)
    await again.db.close()
    await again.limiter.close()


async def test_it_works_without_script(admin: Person) -> None:
    data = {"service": "botyard", "key": "log_retention_days", "kind": "number", "value": "31"}
    reply = await admin.http.post("/settings/set", data=data, headers={"Origin": admin.url})

    assert (reply.status_code, reply.headers["location"]) == (303, "/settings?service=botyard")
    assert "A stored value" in (await admin.look("/settings/start")).text
