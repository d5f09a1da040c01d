"""A chatbot's settings, channels and documents in the dashboard: secrets stay secret, and what is said is true."""

from html import unescape
from typing import Any

import pytest

from botyard.core import vault
from botyard.features.chatbots.channels import service as channels
from botyard.features.chatbots.channels import settings as channel_settings
from botyard.features.chatbots.llm import keys
from botyard.settings import Settings
from tests.contracts.running import Running
from tests.fake_ollama import FakeOllama
from tests.web.person import Html, Person
from tests.web.sent_forms import fields_of
from tests.web.test_chatbot_content import make, once, send_as_shown

__all__ = ["once"]

KEY = "sk-planted-0123456789"
TOKEN = "123456:planted0123456789planted0123456789x"


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Nobody answers where Telegram would be."""
    return {"telegram_url": "http://127.0.0.1:9"}


@pytest.fixture
async def path(running: Running, ada: Person) -> str:
    """A chatbot without anything."""
    return await make(running, ada)


@pytest.mark.usefixtures("once")
async def test_the_key_of_a_model_goes_to_the_vault_and_is_never_shown(
    running: Running, ada: Person, path: str
) -> None:
    wanted = {"provider": "openai", "model": "tiny", "key": KEY}
    page = f"{path}/settings"
    await send_as_shown(ada, page, "model-form", f"{page}/model", **wanted)
    await send_as_shown(ada, page, "model-form", f"{page}/model", key="")

    async with running.db.reader() as session:
        assert await keys.reveal(session, path.removeprefix("/chat/"), owner_id=ada.id) == KEY
    shown = await ada.look(page)
    assert KEY not in shown.source
    assert "One is in the vault" in shown.text
    await ada.do(f"{page}/model/forget")
    assert "One is in the vault" not in (await ada.look(page)).text


@pytest.mark.usefixtures("once")
async def test_a_model_is_tried_as_it_is_saved(running: Running, ada: Person, path: str) -> None:
    page = f"{path}/settings"
    settings = running.db.parts.get(Settings)
    before = settings.ollama_url
    async with FakeOllama().serving() as fake:
        settings.ollama_url = fake.url
        await send_as_shown(ada, page, "model-form", f"{page}/model", provider="ollama", model="tiny")
        good = await ada.do(f"{page}/model/test", question="Who are you?")
        fake.fail("wrong_key")
        bad = await ada.do(f"{page}/model/test", question="Who are you?")
    settings.ollama_url = before

    assert "Hello." in good.text
    assert "Who are you?" in str(fake.requests[0])
    assert "store a valid key" in bad.text


async def test_a_chatbot_goes_only_by_its_owner_s_password(ada: Person, path: str) -> None:
    refused = await ada.send(f"{path}/settings/delete", form="delete-form", password="wrong")
    assert refused.status_code == 401
    await ada.look(f"{path}/settings")

    await ada.do(f"{path}/settings/delete", password=ada.password)

    await ada.look(f"{path}/settings", status=404)


@pytest.mark.usefixtures("once")
async def test_clearing_the_words_of_a_greeting_means_none(running: Running, ada: Person) -> None:
    path = await make(running, ada, {"responses": {"hi": [{"text": "Hi"}]}, "settings": {"greeting": "hi"}})
    page = f"{path}/settings"

    await send_as_shown(ada, page, "answers-form", f"{page}/answers", **{"greeting-words": ""})
    assert fields_of((await ada.look(page)).source, "answers-form")["greeting-words_of"] == ""
    await send_as_shown(ada, page, "answers-form", f"{page}/answers", **{"greeting-words": "Welcome"})

    shown = fields_of((await ada.look(page)).source, "answers-form")
    assert (shown["greeting-words"], shown["greeting-response"]) == ("Welcome", "greeting")


async def test_a_widget_is_opened_and_its_line_is_there_to_copy(ada: Person, path: str) -> None:
    page = f"{path}/settings"
    await ada.do(f"{page}/channels", kind="widget", name="Shop")
    assert "Any website may show this widget" in (await ada.look(page)).text

    line = next(each for each in (await ada.look(page)).words if "widget.js" in each)
    assert line.startswith(f'<script src="{ada.url}/widget.js" data-chatbot="ck_')
    source = (await ada.look(page)).source
    form = next(each["id"] for each in Html(source).of("form") if str(each.get("id")).startswith("channel-"))
    action = f"{page}/channels/{str(form).removeprefix('channel-').removesuffix('-form')}"
    changed = {"origins": "https://shop.example.org", "color": "#aa0000", "side": "left"}
    await send_as_shown(ada, page, str(form), action, **changed)
    shown = fields_of((await ada.look(page)).source, str(form))
    assert {name: shown[name] for name in changed} == changed
    limited = (await ada.look(page)).text
    assert "Works on https://shop.example.org only." in limited
    assert "Any website may show this widget" not in limited
    await ada.do(f"{action}/key")
    assert line not in unescape((await ada.look(page)).source)
    await ada.do(f"{action}/delete")
    assert "No channels yet" in (await ada.look(page)).text


@pytest.mark.parametrize(("ticked", "voice"), [({"voice": "yes"}, True), ({}, False)])
async def test_visitors_hear_answers_where_that_was_ticked_as_the_widget_was_opened(
    running: Running, ada: Person, path: str, ticked: dict[str, str], voice: bool
) -> None:
    await ada.do(f"{path}/settings/channels", kind="widget", name="Shop", **ticked)

    async with running.db.reader() as session:
        (made,) = await channels.list_all(session, path.removeprefix("/chat/"), owner_id=ada.id)
    assert channel_settings.widget(made.settings).voice is voice


@pytest.mark.usefixtures("once")
async def test_a_telegram_token_goes_to_the_vault(running: Running, ada: Person, path: str) -> None:
    page = f"{path}/settings"
    await ada.do(f"{page}/channels", kind="telegram", name="Bot", token=TOKEN)

    assert "planted" not in (await ada.look(page)).source
    async with running.db.reader() as session:
        names = await vault.list_names(session, kind="bot", id=path.removeprefix("/chat/"))
    assert any(name.startswith("telegram_token") for name in names)


async def test_a_document_is_read_live_asked_and_removed(ada: Person, path: str) -> None:
    page = f"{path}/knowledge"
    async with ada.live(f"/live/chatbot-knowledge?bot={path.removeprefix('/chat/')}") as live:
        text = "# Dogs\nDogs wait outside, but guide dogs may come in.\n\n# Payment\nYou can pay by card."
        await ada.do(f"{page}/text", title="House rules", text=text)
        await live.until("Ready")

    answer = Html((await ada.do(f"{page}/ask", question="May guide dogs come in?")).text)
    assert "guide dogs may come in" in answer.text
    source = next(str(each["href"]) for each in answer.of("a") if str(each["href"]).startswith(page))
    assert "You can pay by card." in (await ada.look(source)).text
    nothing = await ada.do(f"{page}/ask", question="zxqv")
    assert "would not answer" in nothing.text
    await ada.do(f"{source}/refresh")
    await ada.do(f"{source}/delete")
    assert "No documents yet" in (await ada.look(page)).text


@pytest.mark.usefixtures("once")
async def test_files_are_added_together_or_not_at_all(ada: Person, path: str) -> None:
    page = f"{path}/knowledge"
    headers = {"HX-Request": "true", "HX-Source": "form#add-file-form", "Origin": ada.url}
    good = ("file", ("faq.csv", b"question,answer\nParking?,Behind the house\n", "text/csv"))
    bad = ("file", ("plan.docx", b"PK\x03\x04", "application/zip"))

    refused = await ada.http.post(f"{page}/file", files=[good, bad], headers=headers)
    assert refused.status_code == 400
    assert "plan.docx: Documents are plain text" in refused.text
    assert "No documents yet" in (await ada.look(page)).text
    none = await ada.http.post(f"{page}/file", files=[], data={"x": "y"}, headers=headers)
    assert "Choose a file first" in none.text

    added = await ada.http.post(f"{page}/file", files=[good], headers=headers)
    assert added.status_code == 200
    assert "faq.csv" in (await ada.look(page)).text


@pytest.mark.usefixtures("once")
async def test_a_document_of_another_chatbot_is_not_there(running: Running, ada: Person, path: str) -> None:
    await ada.do(f"{path}/knowledge/text", title="Mine", text="Words.")
    found = (await ada.look(f"{path}/knowledge")).of("a")
    source = next(str(a["href"]) for a in found if "/knowledge/src" in str(a["href"])).rpartition("/")[2]
    other = await make(running, ada, name="Other")

    await ada.look(f"{other}/knowledge/{source}", status=404)
    assert (await ada.send(f"{other}/knowledge/{source}/delete")).status_code == 404
    await ada.look(f"{path}/knowledge/{source}")
