"""The vault's pages: what there is is seen by its owner alone, and values only after proving who one is."""

import asyncio
import json
import time
from typing import Any

import pytest
from sqlalchemy import update

from botyard.core import audit
from botyard.core.accounts.types import Principal
from botyard.core.bots import secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.vault.models import VaultRecord
from tests.contracts.running import Running
from tests.second_factor import enrol
from tests.web.person import ADMIN_PASSWORD, PASSWORD, Html, People, Person
from tests.web.test_pages import assert_whole

VALUE = "a value that nobody may see"


async def make_bot(running: Running, owner: Person, *data: dict[str, Any], name: str = "Harbour") -> Bot:
    """An X bot with credentials and these secret data, one version each."""
    who = Principal(user_id=owner.id)
    async with running.db.session() as session:
        bot = await bots.create(session, owner_id=owner.id, kind=BotKind.x, name=name)
        await secrets.store_credentials(session, bot, {"api_key": "credential"}, actor=who)
        for each in data:
            await secrets.store(session, bot, each, actor=who)
    return bot


async def acts(running: Running, bot: Bot, action: str) -> int:
    async with running.db.reader() as session:
        return len(await audit.list_entries(session, target=f"bot:{bot.id}", action=action))


@pytest.fixture
async def bot(running: Running, ada: Person) -> Bot:
    """Ada's, with two versions."""
    return await make_bot(running, ada, {"key": "former"}, {"key": VALUE, "<b>": {"n": [1]}, "pem": "a\nb"})


async def test_page_says_what_will_be_there(ada: Person) -> None:
    page = await ada.look("/vault")

    assert_whole(page)
    assert "No secrets yet" in page.text


async def test_list_names_secrets_and_the_last_look_and_no_value(ada: Person, bot: Bot) -> None:
    page = await ada.look("/vault")

    assert_whole(page)
    assert "Harbour X bot Credentials, Secret data 3" in page.text
    assert "Keys" not in page.text
    assert VALUE not in page.source
    assert "credential" not in page.source.replace("Credential", "").replace("credentials", "")


async def test_bots_are_found_by_name_and_paged(running: Running, ada: Person, bot: Bot) -> None:
    await make_bot(running, ada, name="Market")

    assert "Market" in (await ada.look("/vault?q=mark")).text
    assert "Harbour" not in (await ada.look("/vault?q=mark")).text
    assert "No bot matches" in (await ada.look("/vault?q=nothing")).text
    await ada.look("/vault?page=7")
    await ada.look("/vault?page=-1", status=400)


async def test_bot_page_tells_versions_and_acts_and_no_value(ada: Person, bot: Bot) -> None:
    page = await ada.look(f"/vault/{bot.id}")

    assert_whole(page)
    for words in ("Secret data", "2 present", "Credentials stored", "Bot made", "cleared away 30 days"):
        assert words in page.text
    assert VALUE not in page.source


async def test_other_people_and_administrators_find_nothing(
    ada: Person, bot: Bot, people: People, admin: Person, running: Running
) -> None:
    stranger = await people.join()
    for person in (stranger, admin):
        password = PASSWORD if person is stranger else ADMIN_PASSWORD
        await person.do("/vault/unlock", password=password)
        await person.look(f"/vault/{bot.id}", status=404)
        for act in ("values", "restore", "remove"):
            reply = await person.send(f"/vault/{bot.id}/{act}", version=1, password=password)
            assert reply.status_code == 404, act
        assert "Harbour" not in (await person.look("/vault")).text
    assert await acts(running, bot, "botdata.read") == 0


async def test_locked_vault_shows_and_restores_nothing(ada: Person, bot: Bot, running: Running) -> None:
    for act in ("values", "restore"):
        reply = await ada.send(f"/vault/{bot.id}/{act}", version=1)
        assert (reply.status_code, "Give your password" in reply.text) == (403, True)
    wrong = await ada.send("/vault/unlock", form="unlock-form", password="not it")
    assert wrong.status_code == 401
    assert 'hx-target="#unlock-form-error"' in wrong.text
    assert (await ada.send(f"/vault/{bot.id}/values", version=1)).status_code == 403
    assert await acts(running, bot, "botdata.read") == 0


async def test_unlocked_vault_shows_values_and_writes_each_look_down(
    ada: Person, bot: Bot, running: Running
) -> None:
    unlocked = await ada.do("/vault/unlock", password=PASSWORD, next=f"/vault/{bot.id}")
    assert unlocked.headers["hx-redirect"] == f"/vault/{bot.id}"
    assert_whole(await ada.look(f"/vault/{bot.id}"))

    shown = await ada.do(f"/vault/{bot.id}/values", version=2)
    former = await ada.do(f"/vault/{bot.id}/values", version=1)

    page = Html(shown.text)
    assert page.value("value-1") == VALUE
    assert "a\nb" in shown.text, "a key file keeps its line breaks"
    assert "<b>" not in page.source
    assert shown.headers["cache-control"] == "no-store"
    assert Html(former.text).value("value-1") == "former"
    assert await acts(running, bot, "botdata.read") == 2
    assert "Opened key, <b>, pem" in (await ada.look(f"/vault/{bot.id}")).text
    assert f"by {ada.username}" in (await ada.look("/vault")).text


async def test_other_sessions_stay_locked_and_locking_is_at_once(
    ada: Person, bot: Bot, people: People
) -> None:
    elsewhere = await people.sign_in(ada.username, PASSWORD)
    await ada.do("/vault/unlock", password=PASSWORD)

    assert (await elsewhere.send(f"/vault/{bot.id}/values", version=2)).status_code == 403
    assert (await ada.send(f"/vault/{bot.id}/values", version=2)).status_code == 200
    await ada.do("/vault/lock")
    assert (await ada.send(f"/vault/{bot.id}/values", version=2)).status_code == 403


async def test_answer_with_values_is_not_kept_for_a_repeated_request(
    ada: Person, bot: Bot, running: Running
) -> None:
    headers = {"HX-Request": "true", "Origin": ada.url, "Idempotency-Key": "the-same"}
    await ada.do("/vault/unlock", password=PASSWORD)
    shown = [
        await ada.http.post(f"/vault/{bot.id}/values", data={"version": 2}, headers=headers) for _ in range(2)
    ]
    await ada.do("/vault/lock")
    locked = await ada.http.post(f"/vault/{bot.id}/values", data={"version": 2}, headers=headers)

    assert [reply.status_code for reply in (*shown, locked)] == [200, 200, 403]
    assert await acts(running, bot, "botdata.read") == 2


async def test_unlocking_leads_to_this_server_only(ada: Person) -> None:
    reply = await ada.do("/vault/unlock", password=PASSWORD, next="//evil.example/vault")

    assert reply.headers["hx-redirect"] == "/vault"


async def test_restoring_makes_a_former_version_the_present_one(
    ada: Person, bot: Bot, running: Running
) -> None:
    await ada.do("/vault/unlock", password=PASSWORD)

    await ada.do(f"/vault/{bot.id}/restore", version=1)

    shown = await ada.do(f"/vault/{bot.id}/values", version=3)
    assert Html(shown.text).value("value-1") == "former"
    assert "3 present" in (await ada.look(f"/vault/{bot.id}")).text
    assert (await ada.send(f"/vault/{bot.id}/restore", version=99)).status_code == 404
    for number in ("", "many", "0", "99999999999"):
        assert (await ada.send(f"/vault/{bot.id}/restore", version=number)).status_code == 400, number
    assert await acts(running, bot, "botdata.restored") == 1


async def test_removing_takes_the_password_and_leaves_the_credentials(
    ada: Person, bot: Bot, running: Running
) -> None:
    assert (await ada.send(f"/vault/{bot.id}/remove", password="not it")).status_code == 401

    await ada.do(f"/vault/{bot.id}/remove", password=PASSWORD)

    page = await ada.look(f"/vault/{bot.id}")
    assert_whole(page)
    assert "Removed" in page.text
    assert "Unlock" not in page.text
    async with running.db.reader() as session:
        assert await secrets.reveal_credentials(session, bot) == {"api_key": "credential"}


async def test_changed_secret_is_told_and_written_down(ada: Person, bot: Bot, running: Running) -> None:
    async with running.db.session() as session:
        harm = update(VaultRecord).where(VaultRecord.record_id == bot.id, VaultRecord.version == 2)
        await session.execute(harm.values(nonce=b"?" * 12))
    await ada.do("/vault/unlock", password=PASSWORD)

    reply = await ada.send(f"/vault/{bot.id}/values", version=2)

    assert reply.status_code == 500
    assert "does not open" in reply.text
    assert "Did not open" in (await ada.look(f"/vault/{bot.id}")).text


async def test_export_without_a_second_factor_tells_the_way(ada: Person, bot: Bot) -> None:
    reply = await ada.send("/vault/export", form="export-form", password=PASSWORD)

    assert reply.status_code == 403
    assert "set it up under Account, Security" in reply.text
    assert 'href="/account/security#enrol"' in (await ada.look("/vault")).source


async def test_export_takes_password_and_code_even_where_unlocked(
    ada: Person, bot: Bot, running: Running
) -> None:
    totp = await enrol(running.db, ada.id)
    code = totp.at(int(time.time()))
    await ada.do("/vault/unlock", password=PASSWORD, code=code)
    again = await ada.send("/vault/export", form="export-form", password=PASSWORD, code=code)
    assert again.status_code == 401

    reply = await ada.http.post(
        "/vault/export",
        data={"password": PASSWORD, "code": totp.at(int(time.time()) + 30)},
        headers={"Origin": ada.url},
    )

    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.headers["content-disposition"].startswith('attachment; filename="botyard-secrets-2')
    (exported,) = json.loads(reply.text)["bots"]
    assert exported["secrets"]["data"]["key"] == VALUE
    async with running.db.reader() as session:
        entries = await audit.list_entries(session, action="vault.exported", user_id=ada.id)
    assert len(entries) == 1


async def test_unlocking_takes_a_code_where_there_is_a_second_factor(
    ada: Person, bot: Bot, running: Running
) -> None:
    await enrol(running.db, ada.id)
    assert 'id="unlock-code"' in (await ada.look(f"/vault/{bot.id}")).source

    reply = await ada.send("/vault/unlock", password=PASSWORD)

    assert reply.status_code == 401
    assert (await ada.send(f"/vault/{bot.id}/values", version=2)).status_code == 403


async def test_administrator_replaces_the_keys_by_a_job(
    admin: Person, ada: Person, bot: Bot, running: Running
) -> None:
    assert (await ada.send("/vault/rotate", password=PASSWORD)).status_code == 403
    assert (await admin.send("/vault/rotate", password="not it")).status_code == 401

    reply = await admin.do("/vault/rotate", password=ADMIN_PASSWORD)

    job_id = reply.headers["hx-redirect"].removeprefix("/jobs/")
    assert_whole(await admin.look(f"/jobs/{job_id}"))
    async with asyncio.timeout(60), admin.live(f"/live/job?id={job_id}") as stream:
        await stream.until("Done")
    assert "Last replaced never" not in (await admin.look("/vault")).text
    await ada.do("/vault/unlock", password=PASSWORD)
    assert Html((await ada.do(f"/vault/{bot.id}/values", version=2)).text).value("value-1") == VALUE
