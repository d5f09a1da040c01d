"""The page that connects a service: every example on it works as it stands."""

import asyncio
import json
import re
from html import unescape

from botyard.core.accounts import profiles
from botyard.core.accounts.types import Role
from botyard.edge.cookie import COOKIE
from botyard.kit import clock
from tests.contracts.people import Details, add, cookie, fresh
from tests.contracts.running import Running
from tests.gateways.page import BOTYARD, example
from tests.second_factor import enrol
from tests.web.person import ADMIN_PASSWORD, People, Person

SCOPES = ["config:read", "logs:write"]
_PRE = re.compile(r'<pre id="(do-[a-z]+)"[^>]*>(.*?)</pre>', re.S)


def examples(html: str) -> dict[str, str]:
    """The page's examples by their ids, as its copy buttons copy them."""
    return {name: unescape(text) for name, text in _PRE.findall(html)}


async def administrator(people: People, running: Running, details: Details) -> Person:
    """Another administrator, signed in with a browser."""
    user_id = await add(running.db, details)
    async with running.db.session() as session:
        (await profiles.get(session, user_id)).role = Role.admin
    person = people.nobody()
    person.http.cookies.set(COOKIE, await cookie(running.db, user_id), domain="127.0.0.1")
    person.id = user_id
    return person


async def make_key(admin: Person, *scopes: str, name: str = "Billing") -> str:
    reply = await admin.do("/connect/key", name=name, days="90", scopes=scopes)
    return reply.text


async def shell(*lines: str, password: str = ADMIN_PASSWORD, **typed: str) -> str:
    """Run lines in one shell of somebody who has typed the password, and answer what was printed."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(lines),
        env={"PATH": "/usr/bin:/bin", "PASSWORD": password, **typed},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        printed, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return printed.decode()


async def test_signing_in_and_checking_the_token_work_as_they_stand(admin: Person) -> None:
    shown = examples((await admin.look("/connect")).source)

    printed = await shell(shown["do-login"], shown["do-validate"])

    head, _, body = printed.replace("\r", "").removeprefix("Signed in.\n").partition("\n\n")
    assert json.loads(body) == {"status": "valid", "user_id": str(admin.id)}
    assert f"x-botyard-user-id: {admin.id}" in head.lower()


async def test_a_sign_in_that_is_refused_says_why_and_gives_no_token(admin: Person) -> None:
    shown = examples((await admin.look("/connect")).source)

    printed = await shell(shown["do-login"], 'echo "token: <$TOKEN>"', password='a "guess" \\')

    answer, token = printed.splitlines()
    assert json.loads(answer)["error_code"] == "AUTH_FAILED"
    assert token == "token: <>"
    assert "do-code" not in shown


async def test_signing_in_works_with_every_sign_in_name_and_password(
    people: People, running: Running
) -> None:
    password = """ it's "so" \\ 100% $HOME `x` \u00e9\u2026 """
    name = """O'Neil "the %s" \\1 $PATH"""
    boss = await administrator(people, running, Details(name, fresh().email, password=password))
    shown = examples((await boss.look("/connect")).source)

    printed = await shell(shown["do-login"], shown["do-validate"], password=password)

    assert f"x-botyard-user-id: {boss.id}" in printed.lower()


async def test_signing_in_asks_for_the_code_where_a_second_factor_is_on(
    people: People, running: Running
) -> None:
    details = fresh()
    boss = await administrator(people, running, details)
    before = examples((await boss.look("/connect")).source)
    totp = await enrol(running.db, boss.id)
    shown = examples((await boss.look("/connect")).source)

    told = json.loads(await shell(before["do-login"], password=details.password))
    printed = await shell(
        shown["do-login"], shown["do-validate"], password=details.password, CODE=totp.at(clock.now())
    )

    assert "totp_code" in told["detail"]
    assert shown["do-code"] == "read -r CODE"
    assert f"x-botyard-user-id: {boss.id}" in printed.lower()


async def test_settings_and_logs_work_with_the_key_that_was_made(admin: Person) -> None:
    shown = examples(await make_key(admin, *SCOPES))

    settings = json.loads(await shell(shown["do-settings"]))
    log = json.loads(await shell(shown["do-log"]))

    assert settings["service"] == "botyard"
    assert settings["settings"]
    assert log["status"] == "log_submitted"


async def test_an_exporter_with_the_variables_of_opentelemetry_is_let_in(admin: Person) -> None:
    shown = examples(await make_key(admin, *SCOPES))
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "Hello"}}]}]}]}
    header = '"${OTEL_EXPORTER_OTLP_LOGS_HEADERS/=/: }"'
    send = f"curl -sf -H {header} -H 'Content-Type: application/json' -d '{json.dumps(body)}' "

    printed = await shell(shown["do-otel"], send + '"$OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"')

    assert "rejected" not in printed.lower()


async def test_the_configuration_of_nginx_is_the_one_that_is_tried(admin: Person) -> None:
    shown = examples((await admin.look("/connect")).source)

    assert shown["do-nginx"].strip() == example("nginx", **{BOTYARD: admin.url}).strip()


async def test_a_key_is_shown_once_in_every_example_that_needs_one(admin: Person) -> None:
    before = examples((await admin.look("/connect")).source)
    made = examples(await make_key(admin, *SCOPES, name="Once"))
    [key] = set(re.findall(r"by_key_\w+", " ".join(made.values())))

    assert before.keys() == made.keys()
    assert all(
        ("YOUR-KEY" in before[name]) == (key in made[name]) == (name in ("do-settings", "do-log", "do-otel"))
        for name in made
    )
    assert key not in (await admin.look("/connect")).source
    account = await admin.look("/account/keys")
    assert "Once" in account.text
    assert key not in account.source


async def test_what_a_key_may_not_do_is_said_in_the_place_of_the_example(admin: Person) -> None:
    html = await make_key(admin, "logs:write")

    assert "do-settings" not in examples(html)
    assert "it lacks the scope config:read" in html
    assert "do-log" in examples(html)


async def test_a_key_needs_a_name_and_a_scope(admin: Person) -> None:
    for name, scopes, said in (("", SCOPES, "needs a name"), ("Billing", [], "at least one scope")):
        reply = await admin.send("/connect/key", "new-key-form", name=name, days="90", scopes=scopes)

        assert said in reply.text
        assert "by_key_" not in reply.text


async def test_only_administrators_connect_services(ada: Person) -> None:
    reply = await ada.send("/connect/key", "new-key-form", name="Mine", days="90", scopes=SCOPES)

    assert reply.status_code == 403
    assert "by_key_" not in reply.text
