"""What people do by forms: it happens, it is answered where it was asked, and refused where it must be."""

import json
import re

import pyotp
import pytest

from botyard.core.audit import service as audit
from botyard.kit import clock
from tests.contracts.running import Running
from tests.web.person import PASSWORD, Html, People, Person


def place(reply: object) -> str:
    """Where an answer's pieces go."""
    return " ".join(re.findall(r'hx-target="([^"]+)"', reply.text))  # type: ignore[attr-defined]


async def test_a_wrong_password_is_told_in_the_form(people: People) -> None:
    nobody = people.nobody()

    reply = await nobody.send("/sign-in", form="sign-in", identity="admin", password="not it", next="/")

    assert reply.status_code == 401
    assert place(reply) == "#sign-in-error"
    assert "Name or password is wrong." in reply.text
    assert "session_token" not in nobody.http.cookies


async def test_a_wrong_password_is_told_without_script_too(people: People) -> None:
    nobody = people.nobody()

    reply = await nobody.http.post("/sign-in", data={"identity": "ada", "password": "not it", "next": "/"})

    page = Html(reply.text)
    assert reply.status_code == 401
    assert "Name or password is wrong." in page.text
    assert page.value("f-identity") == "ada"
    assert page.value("f-password") == ""


@pytest.mark.parametrize(
    ("wanted", "gone_to"),
    [
        ("/logs?level=error", "/logs?level=error"),
        ("https://evil.example", "/welcome"),
        ("//evil.example", "/welcome"),
        ("/\\evil.example", "/welcome"),
        ("javascript:alert(1)", "/welcome"),
    ],
)
async def test_signing_in_leads_to_this_server_only(people: People, wanted: str, gone_to: str) -> None:
    ada = await people.join()
    nobody = people.nobody()

    reply = await nobody.do("/sign-in", identity=ada.username, password=PASSWORD, next=wanted)

    assert reply.headers["hx-redirect"] == gone_to


async def test_the_second_step_is_put_into_the_same_form(ada: Person, people: People) -> None:
    begun = Html((await ada.do("/account/second-factor/begin", password=PASSWORD)).text)
    secret = begun.value("otp-secret")
    shown = await ada.do("/account/second-factor/confirm", code=pyotp.TOTP(secret).at(clock.now()))
    recovery = re.findall(r"\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b", shown.text)
    nobody = people.nobody()

    first = await nobody.do("/sign-in", identity=ada.username, password=PASSWORD, next="/fleet")
    wrong = await nobody.send(
        "/sign-in", form="sign-in", identity=ada.username, password=PASSWORD, code="000000", next="/fleet"
    )
    right = await nobody.do(
        "/sign-in", identity=ada.username, password=PASSWORD, code=recovery[0], next="/fleet"
    )

    assert place(first) == "#second"
    assert 'name="code"' in first.text
    assert PASSWORD not in first.text
    assert (wrong.status_code, place(wrong)) == (401, "#sign-in-error")
    assert right.headers["hx-redirect"] == "/fleet"
    assert len(recovery) == 10
    assert "9 recovery codes" in (await nobody.look("/account/security")).text


async def test_forms_of_other_sites_are_refused(ada: Person, people: People) -> None:
    elsewhere = {"Origin": "https://evil.example"}
    framed = {"Sec-Fetch-Site": "cross-site"}
    nobody = people.nobody()

    for headers in (elsewhere, framed):
        made = await ada.http.post("/fleet", data={"name": "Trojan"}, headers=headers)
        login = await nobody.http.post("/sign-in", data={"identity": "a", "password": "b"}, headers=headers)
        assert (made.status_code, login.status_code) == (403, 403)
    assert "Trojan" not in (await ada.look("/fleet")).text


async def test_signing_out_ends_the_session_on_the_server(ada: Person) -> None:
    kept = dict(ada.http.cookies)

    await ada.do("/sign-out")

    assert "session_token" not in ada.http.cookies
    ada.http.cookies.update(kept)
    assert (await ada.http.get("/fleet")).status_code == 303


async def test_registering_signs_in_and_shows_the_first_steps(people: People) -> None:
    nobody = people.nobody()

    reply = await nobody.do(
        "/register",
        username="grace",
        email="grace@example.org",
        fullname="Grace Hopper",
        new_password=PASSWORD,
    )
    taken = await people.nobody().send(
        "/register", form="register", username="Grace", email="x@example.org", new_password=PASSWORD
    )
    weak = await people.nobody().send(
        "/register", form="register", username="bob", email="bob@example.org", new_password="short"
    )

    assert reply.headers["hx-redirect"] == "/welcome"
    assert "Grace Hopper" in (await nobody.look("/welcome")).text
    assert (taken.status_code, 'data-field="username"' in taken.text) == (400, True)
    assert (weak.status_code, 'data-field="new_password"' in weak.text) == (400, True)


async def test_a_forgotten_password_answers_alike_for_known_and_unknown_addresses(
    ada: Person, people: People
) -> None:
    nobody = people.nobody()

    known = await nobody.do("/forgot-password", email=f"{ada.username}@example.org")
    unknown = await nobody.do("/forgot-password", email="nobody@example.org")

    assert known.headers["hx-redirect"] == unknown.headers["hx-redirect"] == "/sign-in"
    assert known.headers["set-cookie"] == unknown.headers["set-cookie"]


async def test_who_may_register_is_changed_where_a_stored_setting_wins(admin: Person) -> None:
    page = await admin.look("/users/invitations")

    assert "To let in by invitation only" in page.text
    assert "BOTYARD_" not in page.text


async def test_the_tour_is_shown_until_there_is_a_bot_or_it_was_skipped(people: People) -> None:
    ada = await people.join()
    signs_in = {"identity": ada.username, "password": PASSWORD, "next": "/"}

    before = await ada.do("/sign-in", **signs_in)
    await ada.do("/welcome/skip")
    skipped = await ada.do("/sign-in", **signs_in)
    await ada.make_bot()
    elsewhere = await people.nobody().do("/sign-in", **signs_in)

    redirects = [reply.headers["hx-redirect"] for reply in (before, skipped, elsewhere)]
    assert redirects == ["/welcome", "/", "/"]


async def test_a_new_bot_shows_its_token_and_how_to_join(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot("Harbour pilot")

    reply = await people.bot(token).post(f"/bot/{bot_id}/hello", json={"version": "1", "host": "pier"})
    page = await ada.look(f"/fleet/{bot_id}")

    assert reply.status_code == 200
    assert "Online" in page.text
    assert "agent 1 on pier" in page.text
    assert token not in page.source


async def test_a_bot_without_a_name_is_told_in_the_form(ada: Person) -> None:
    reply = await ada.send("/fleet", form="new-bot-form", name="  ")

    assert (reply.status_code, place(reply)) == (400, "#new-bot-form-error")
    assert 'data-field="name"' in reply.text


async def test_a_command_goes_through_its_life(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)

    await ada.do(f"/fleet/{bot_id}/commands", type="say", payload='{"text": "hi"}', priority="3")
    queued = await ada.look(f"/fleet/{bot_id}/commands")
    (command,) = (await bot.get(f"/bot/{bot_id}/commands?lease=60")).json()["commands"]
    taken = await ada.look(f"/fleet/{bot_id}/commands")
    await bot.post(f"/commands/{command['id']}/ack", json={"status": "completed", "result": {"said": "hi"}})
    done = await ada.look(f"/fleet/{bot_id}/commands")

    assert (command["payload"], command["priority"]) == ({"text": "hi"}, 3)
    assert [
        word in page.text for page, word in ((queued, "Queued"), (taken, "Taken"), (done, "Completed"))
    ] == [True] * 3
    assert '"said": "hi"' in done.text
    assert "Cancel this" not in done.text


async def test_a_waiting_command_can_be_taken_back(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    await ada.do(f"/fleet/{bot_id}/commands", type="ping")
    (command,) = (await people.bot(token).get(f"/bot/{bot_id}/commands")).json()["commands"]

    await ada.do(f"/fleet/{bot_id}/commands/{command['id']}/cancel")

    assert "Cancelled" in (await ada.look(f"/fleet/{bot_id}/commands")).text
    assert (await people.bot(token).get(f"/bot/{bot_id}/commands")).json()["commands"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": ""}, "type"),
        ({"type": "say", "payload": "{bad"}, "payload"),
        ({"type": "say", "payload": '"\\ud800"'}, "payload"),
        ({"type": "say", "payload": "NaN"}, "payload"),
        ({"type": "say", "payload": "[" * 200}, "payload"),
        ({"type": "say", "priority": "high"}, "priority"),
        ({"type": "say", "priority": "nan"}, "priority"),
        ({"type": "say", "expires_in": "-1"}, "expires_in"),
        ({"type": "x" * 101}, ""),
    ],
)
async def test_a_command_that_cannot_be_is_refused_in_its_form(
    admin: Person, fields: dict[str, str], field: str
) -> None:
    bot_id, _ = await admin.make_bot()

    reply = await admin.send(f"/fleet/{bot_id}/commands", form="send-command-form", **fields)

    assert (reply.status_code, place(reply)) == (400, "#send-command-form-error")
    assert (f'data-field="{field}"' in reply.text) == bool(field)
    assert "No commands yet" in (await admin.look(f"/fleet/{bot_id}/commands")).text


async def test_a_message_is_sent_as_a_command(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    bot = people.bot(token)
    said = {
        "message": "Is it open?",
        "author_id": "7",
        "author_name": "Bo",
        "thread_id": "t/1&2",
        "thread_type": "USER",
    }
    await bot.post(f"/bot/{bot_id}/messages", json=said)
    page = await ada.look(f"/fleet/{bot_id}/messages?thread=t%2F1%262")

    await ada.do(f"/fleet/{bot_id}/messages", thread_id="t/1&2", thread_type="USER", message="Yes")

    (command,) = (await bot.get(f"/bot/{bot_id}/commands")).json()["commands"]
    assert "Is it open?" in page.text
    assert (command["type"], command["payload"]["message"]) == ("send_message", "Yes")
    assert command["payload"]["thread_id"] == "t/1&2"


async def test_settings_keep_their_kinds_and_removed_ones_go(ada: Person) -> None:
    bot_id, _ = await ada.make_bot()
    wanted = {"every": "30", "greeting": "Good day", "code": '"30"', "limits": '{"daily": 1}', "": "left out"}

    await ada.do(f"/fleet/{bot_id}/settings", key=list(wanted), value=list(wanted.values()))
    first = (await ada.http.get(f"/manager/api/bot/{bot_id}/settings")).json()["settings"]
    again = Html((await ada.http.get(f"/fleet/{bot_id}/settings")).text)
    shown = [field.get("value") for field in again.of("input") if field.get("name") == "value"]
    await ada.do(f"/fleet/{bot_id}/settings", key=["every"], value=["60"])
    second = (await ada.http.get(f"/manager/api/bot/{bot_id}/settings")).json()["settings"]

    assert first == {"every": 30, "greeting": "Good day", "code": "30", "limits": {"daily": 1}}
    assert shown[:4] == ['"30"', "30", "Good day", '{"daily": 1}']
    assert second == {"every": 60}


async def test_the_token_is_shown_to_who_proves_it_and_the_look_is_written_down(
    ada: Person, running: Running
) -> None:
    bot_id, token = await ada.make_bot()

    refused = await ada.send(f"/fleet/{bot_id}/token/reveal", form="reveal-form", password="not it")
    shown = await ada.do(f"/fleet/{bot_id}/token/reveal", password=PASSWORD)
    renewed = await ada.do(f"/fleet/{bot_id}/token/renew", password=PASSWORD)

    async with running.db.reader() as session:
        acts = [entry.action for entry in await audit.list_entries(session, target=f"bot:{bot_id}")]
    assert (refused.status_code, token in refused.text) == (401, False)
    assert Html(shown.text).value("token") == token
    assert Html(renewed.text).value("token") != token
    assert acts[:2] == ["bot.token_renewed", "bot.token_revealed"]


async def test_somebody_else_can_do_nothing_to_a_bot(ada: Person, people: People) -> None:
    bot_id, token = await ada.make_bot()
    stranger = await people.join()
    forms = {
        "commands": {"type": "ping"},
        "restart": {},
        "stop": {},
        "messages": {"thread_id": "1", "message": "x"},
        "settings": {"key": "a", "value": "1"},
        "name": {"name": "Mine"},
        "token/reveal": {"password": PASSWORD},
        "token/renew": {"password": PASSWORD},
        "delete": {"password": PASSWORD},
    }

    answers = {
        path: (await stranger.send(f"/fleet/{bot_id}/{path}", **form)).status_code
        for path, form in forms.items()
    }

    assert set(answers.values()) == {404}, answers
    assert (await people.bot(token).get(f"/bot/{bot_id}/commands")).json()["commands"] == []


async def test_renaming_and_deleting_a_bot(ada: Person) -> None:
    bot_id, _ = await ada.make_bot("First name")

    await ada.do(f"/fleet/{bot_id}/name", name="Second name")
    renamed = await ada.look("/fleet")
    refused = await ada.send(f"/fleet/{bot_id}/delete", form="delete-form", password="not it")
    await ada.do(f"/fleet/{bot_id}/delete", password=PASSWORD)

    assert "Second name" in renamed.text
    assert refused.status_code == 401
    await ada.look(f"/fleet/{bot_id}", status=404)


async def test_a_notice_is_shown_once_and_a_forged_one_never(ada: Person) -> None:
    bot_id, _ = await ada.make_bot()
    await ada.do(f"/fleet/{bot_id}/name", name="Other")

    first, second = await ada.look("/fleet"), await ada.look("/fleet")
    ada.http.cookies.set("notice", "bm9uc2Vuc2U=")
    forged = await ada.look("/fleet")

    assert "The name is saved." in first.text
    assert "The name is saved." not in second.text
    assert forged.of("div")


async def test_an_api_key_is_shown_once_and_works_within_its_scopes(ada: Person) -> None:
    made = Html((await ada.do("/account/keys", name="My script", days="30", scopes=["bots:read"])).text)
    key = made.value("key-text")

    listed = await ada.look("/account/keys")
    headers = {"X-API-KEY": key}
    allowed = await ada.http.get("/manager/api/my-bots", headers=headers)
    beyond = await ada.http.post("/manager/api/my-bots", headers=headers, json={"name": "x"})
    dashboard = await ada.http.get("/fleet", headers=headers)
    none = await ada.send("/account/keys", form="new-key-form", name="Nothing", days="30")

    assert "My script" in listed.text
    assert key not in listed.source
    assert (allowed.status_code, beyond.status_code, dashboard.status_code) == (200, 403, 403)
    assert (none.status_code, place(none)) == (400, "#new-key-form-error")
    key_id = re.search(r"key_[0-9a-z]{26}", listed.text)
    assert key_id is not None
    await ada.do(f"/account/keys/{key_id[0]}/revoke")
    assert (await ada.http.get("/manager/api/my-bots", headers=headers)).status_code == 401


async def test_a_key_stands_in_the_list_and_can_be_withdrawn_as_soon_as_it_is_made(ada: Person) -> None:
    made = Html((await ada.do("/account/keys", name="My script", days="30", scopes=["bots:read"])).text)

    (dialog,) = made.of("dialog")
    openers = [button.get("data-opens") for button in made.of("button")]
    assert "My script" in made.text.partition("Good until")[2]
    assert dialog["id"] in openers


async def test_changing_the_password_needs_the_old_one_and_ends_other_sessions(people: People) -> None:
    ada = await people.join()
    other = await people.sign_in(ada.username, PASSWORD)

    wrong = await ada.send(
        "/account/password", form="password", old_password="not it", new_password="longer than 8"
    )
    await ada.do("/account/password", old_password=PASSWORD, new_password="longer than 8")

    assert (wrong.status_code, 'data-field="old_password"' in wrong.text) == (400, True)
    assert (await ada.http.get("/account")).status_code == 200
    assert (await other.http.get("/account")).status_code == 303


async def test_sessions_are_listed_and_ended(people: People) -> None:
    ada = await people.join()
    other = await people.sign_in(ada.username, PASSWORD)
    page = await ada.look("/account/security")
    (ending,) = {str(form["action"]) for form in page.of("form") if str(form["action"]).endswith("/end")}

    stranger = await people.join()
    refused = await stranger.send(ending)
    await ada.do(ending)

    assert refused.status_code == 404
    assert (await other.http.get("/account")).status_code == 303
    assert "this one" in page.text


async def test_an_account_can_be_deleted_by_its_owner_only_with_the_password(people: People) -> None:
    ada = await people.join()

    refused = await ada.send("/account/delete", form="delete-form", password="not it")
    gone = await ada.do("/account/delete", password=PASSWORD)

    assert refused.status_code == 401
    assert gone.headers["hx-redirect"] == "/sign-in"
    login = await people.nobody().send("/sign-in", identity=ada.username, password=PASSWORD)
    assert login.status_code == 401


async def test_an_administrator_invites_and_the_link_works_once(admin: Person, people: People) -> None:
    made = Html((await admin.do("/users/invitations", email="", note="For Sam")).text)

    link = made.value("invite-link")
    page = await people.nobody().look(link.removeprefix(admin.url))
    listed = await admin.look("/users/invitations")
    invitation = re.search(r"inv_[0-9a-z]{26}", listed.source)
    assert invitation is not None
    await admin.do(f"/users/invitations/{invitation[0]}/revoke")

    assert page.value("f-invite_code") == link.partition("invite=")[2]
    assert "For Sam" in listed.text
    assert "Withdrawn" in (await admin.look("/users/invitations")).text


async def test_an_administrator_changes_roles_disables_and_deletes(admin: Person, people: People) -> None:
    ada = await people.join()
    base = f"/users/{ada.id}"

    await admin.do(f"{base}/role", role="service")
    promoted = await admin.look(base)
    unknown = await admin.send(f"{base}/role", form="role", role="king")
    await admin.do(f"{base}/tier", tier="enterprise")
    raised = await admin.look(base)
    no_tier = await admin.send(f"{base}/tier", form="tier", tier="gold")
    await admin.do(f"{base}/disable")
    refused = await people.nobody().send("/sign-in", identity=ada.username, password=PASSWORD)
    await admin.do(f"{base}/enable")
    again = await people.sign_in(ada.username, PASSWORD)
    await admin.do(f"{base}/sign-out")
    out = await again.http.get("/account")
    await admin.do(f"{base}/delete", password=admin.password)

    assert "service" in promoted.text
    assert "Tier enterprise" in raised.text
    assert (unknown.status_code, no_tier.status_code) == (400, 400)
    assert (refused.status_code, out.status_code) == (401, 303)
    await admin.look(base, status=404)


async def test_the_last_administrator_stays_one(admin: Person) -> None:
    reply = await admin.send(f"/users/{admin.id}/disable", form="disable-form")

    assert (reply.status_code, "last administrator" in reply.text) == (400, True)


async def test_the_audit_log_names_who_and_verifies(admin: Person, ada: Person) -> None:
    await ada.make_bot()

    page = await admin.look("/audit?action=account.")
    reply = await admin.do("/audit/verify")

    assert ada.username in page.text
    assert "account.signed_in" in page.text
    assert "bot." not in page.text
    assert "The log is sound" in reply.text
    assert "Compared with no head" in reply.text


async def test_settings_tell_where_each_comes_from_and_no_secret(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTYARD_LOG_LEVEL", "error")

    page = await admin.look("/settings/start")

    assert "BOTYARD_LOG_LEVEL Least severe line of the server's own log. error environment" in page.text
    assert "start command" in page.text
    assert admin.password not in page.source


async def test_health_names_stores_workers_and_streams(admin: Person, running: Running) -> None:
    page = await admin.look("/settings/health")

    assert ("SQLite" if running.db.embedded else "PostgreSQL") in page.text
    assert ("pgvector" in page.text) != running.db.embedded
    assert "Working" in page.text
    assert "password" not in page.text.lower()


async def test_an_error_in_an_action_without_a_form_is_a_notice(ada: Person) -> None:
    headers = {"HX-Request": "true", "HX-Source": "button", "Origin": ada.url}

    reply = await ada.http.post("/jobs/job_unknown/cancel", headers=headers)

    assert (reply.status_code, place(reply)) == (404, "#toasts")


async def test_a_form_name_made_up_by_the_client_is_not_written_back(ada: Person) -> None:
    headers = {"HX-Request": "true", "HX-Source": 'form#x" onload=', "Origin": ada.url}

    reply = await ada.http.post("/fleet", headers=headers, data={"name": ""})

    assert place(reply) == "#toasts"
    assert json.dumps("onload") not in reply.text


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "part"])
async def test_the_way_to_the_door_takes_no_cookie_away(ada: Person, headers: dict[str, str]) -> None:
    """It may be a newer one by the time that the answer comes."""
    ada.http.cookies.set("session_token", "of a session that has ended")

    reply = await ada.http.get("/fleet", headers=headers)

    assert "/sign-in" in (reply.headers.get("location") or reply.headers["hx-redirect"])
    assert "set-cookie" not in reply.headers
