"""The widget on a page of another origin whose policy is strict: talked to, reloaded, cut off, by people and keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, expect

from botyard.core.accounts.types import Kind, Principal
from botyard.features.chatbots import attending, conversations
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.channels import service as channels
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.voice.errors import INSTALL
from botyard.settings import Settings
from tests.browser.conftest import DESK, PHONE
from tests.contracts.running import Running, run

pytestmark = pytest.mark.browser

CONTENT = {
    "settings": {"greeting": "hi"},
    "responses": {
        "hi": [
            {"text": "Good day. What is it about?", "buttons": [{"title": "Opening hours", "flow": "hours"}]}
        ],
        "open": [{"text": "We are open till ten. See https://shop.example/hours."}],
        "bye": [{"text": "You are welcome."}],
    },
    "flows": [{"id": "hours", "steps": [{"do": "say", "id": "1", "response": "open"}]}],
    "rules": [{"words": ["open"], "response": "open"}, {"words": ["thanks"], "response": "bye"}],
}
# Writes down each sound that was played to its end: how long it is, how loud, and how long the page's clock of sound ran.
LISTENING = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...given) {
  const began = this.context.currentTime, data = this.buffer.getChannelData(0);
  const peak = data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  this.addEventListener("ended", () =>
    played.push({ seconds: this.buffer.duration, peak, ran: this.context.currentTime - began }));
  return start.apply(this, given);
};
"""
ADMIN = Principal(kind=Kind.token, user_id=1)


@dataclass
class Shop:
    """Somebody's site with the widget, and the server that it talks to."""

    running: Running
    url: str
    chatbot_id: str

    @property
    def chat(self) -> ChatRuntime:
        return self.running.db.parts.get(ChatRuntime)

    async def talk(self) -> list[tuple[str, str]]:
        """Who said what in the newest conversation, as it is stored."""
        found = await conversations.list_messages(self.chat, await self.newest(), owner_id=1)
        return [(message.sender, message.text) for message in found[0]]

    async def newest(self) -> str:
        """The id of the conversation that began last."""
        found, _ = await conversations.list_page(self.chat, owner_id=1, chatbot_id=self.chatbot_id, limit=1)
        return found[0].id


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(
        _env_file=None, data_dir=tmp_path / "data", admin_password="the first administrator's", log_level="error"
    )  # fmt: skip
    async with run(settings) as running, _site(running.url) as (site, put):
        async with running.db.session() as session:
            bot = await chatbots.create(
                session, owner_id=1, name="Shop", type="rule", content=CONTENT, actor=ADMIN
            )
            channel = await channels.create(
                session,
                bot.id,
                owner_id=1,
                kind="widget",
                name="Shop help",
                origins=[site],
                settings={"voice": True},
                actor=ADMIN,
            )
        put(channel.key)
        yield Shop(running, site, bot.id)


@asynccontextmanager
async def _site(yard: str) -> AsyncIterator[tuple[str, Any]]:
    """A page at a port of its own, which lets in nothing but the widget."""
    key = ""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = (
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            "<link rel=icon href='data:,'><title>Shop</title><main><h1>Shop</h1><p>Welcome.</p></main>"
            f"<script src='{yard}/widget.js' data-chatbot='{key}' defer></script></html>"
        ).encode()
        policy = f"default-src 'none'; script-src {yard}; connect-src {yard}; img-src data:"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: {policy}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def put(given: str) -> None:
        nonlocal key
        key = given

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", put


@asynccontextmanager
async def visitor(
    browser: Browser, shop: Shop, *, expected: str = "\0", **options: Any
) -> AsyncIterator[Page]:
    """Somebody at the site; console errors that are not `expected` fail."""
    context = await browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(10_000)
    page, said = await context.new_page(), []
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(f"exception: {error}"))
    await page.goto(shop.url)
    yield page
    assert [line for line in said if expected not in line] == []
    await context.close()


async def wrong(page: Page) -> list[str]:
    """What axe finds wrong, and what does not fit on the screen."""
    await page.evaluate(Axe().axe_script)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    ids = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
    beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return ids + ([f"{beyond} pixels too wide"] if beyond > 0 else [])


def last(page: Page) -> Locator:
    return page.get_by_role("log").locator(".msg").last


async def test_a_visitor_talks_reloads_and_gets_a_person(browser: Browser, shop: Shop) -> None:
    async with visitor(browser, shop, viewport=DESK) as page:
        launcher = page.get_by_role("button", name="Open chat: Shop help")
        await launcher.click()
        panel = page.get_by_role("dialog", name="Shop help")
        await expect(last(page)).to_contain_text("What is it about?")
        await expect(panel.get_by_label("Your message")).to_be_focused()
        assert await wrong(page) == []
        await panel.get_by_role("button", name="Opening hours").click()
        await expect(last(page)).to_contain_text("till ten")
        await expect(panel.get_by_role("link", name="https://shop.example/hours")).to_be_visible()
        await panel.get_by_label("Your message").fill("Are you open?")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log").locator(".msg")).to_have_count(5)
        before = await page.get_by_role("log").locator(".msg").all_inner_texts()

        await page.reload()
        await expect(page.get_by_role("log").locator(".msg")).to_have_count(5)
        assert await page.get_by_role("log").locator(".msg").all_inner_texts() == before

        await panel.get_by_role("button", name="Talk to a person").click()
        await expect(panel.get_by_role("status")).to_contain_text("number 1 in the queue")
        by: dict[str, Any] = {"owner_id": 1, "by": 1}
        await attending.attend(shop.chat, await shop.newest(), **by)
        await expect(panel.get_by_role("status")).to_have_text("You are talking to a person.")
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await attending.reply(shop.chat, await shop.newest(), text="Here I am.", **by)
        unread = page.get_by_role("button", name="Open chat: Shop help (1 new)")
        await expect(unread).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(last(page)).to_contain_text("Here I am.")
        assert await wrong(page) == []


async def test_a_chatbot_without_a_greeting_does_not_begin_with_an_empty_panel(
    browser: Browser, shop: Shop
) -> None:
    async with shop.running.db.session() as session:
        silent = contents.read({**CONTENT, "settings": {}})
        await chatbots.save_content(session, shop.chatbot_id, silent, owner_id=1)
    phone: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True}
    for look in ({"viewport": DESK}, phone):
        async with visitor(browser, shop, **look) as page:
            await page.get_by_role("button", name="Open chat").click()
            welcome = page.get_by_role("region", name="Shop help").get_by_text("Ask me anything.")
            await expect(welcome).to_be_visible()
            assert await wrong(page) == []
            await page.get_by_label("Your message").fill("Are you open?")
            await page.keyboard.press("Enter")
            await expect(last(page)).to_contain_text("till ten")
            await expect(welcome).to_have_count(0)
            await page.reload()
            await expect(page.get_by_role("log").locator(".msg")).to_have_count(2)
            await expect(welcome).to_have_count(0)
            await page.get_by_role("button", name="End chat").click()
            await page.get_by_role("button", name="Start a new chat").click()
            await expect(welcome).to_be_visible()
    assert await shop.talk() == []  # what is shown was never said


@pytest.mark.skipif(
    find_spec("espeakng_loader") is None, reason=f"no voice, install it with: {INSTALL} espeakng-loader"
)
async def test_an_answer_is_heard_at_the_press_of_a_key(browser: Browser, shop: Shop) -> None:
    async with visitor(browser, shop, viewport=DESK) as page:
        await page.add_init_script(LISTENING)
        await page.reload()
        await page.get_by_role("button", name="Open chat").click()
        await page.get_by_label("Your message").fill("Thanks!")
        await page.keyboard.press("Enter")
        await expect(last(page)).to_contain_text("welcome")
        await expect(page.locator(".msg.user").get_by_role("button")).to_have_count(0)
        await last(page).get_by_role("button", name="Listen").focus()
        await page.keyboard.press("Enter")
        stop = last(page).get_by_role("button", name="Stop listening")
        await expect(stop).to_be_focused()
        listen = last(page).get_by_role("button", name="Listen", exact=True)
        await expect(listen).to_be_visible(timeout=15_000)  # it was played to its end
        [sound] = await page.evaluate("played")
        assert sound["peak"] > 0.1  # not silence
        assert 0.5 < sound["seconds"] < 5
        assert sound["ran"] >= sound["seconds"] - 0.1
        await listen.press("Enter")
        await stop.press("Enter")
        await expect(listen).to_be_focused()
        assert await wrong(page) == []


async def test_nothing_is_lost_or_sent_twice_where_the_line_is_bad(browser: Browser, shop: Shop) -> None:
    dark_phone: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True}
    async with visitor(browser, shop, expected="net::ERR", **dark_phone) as page:
        await page.get_by_role("button", name="Open chat").click()
        await expect(last(page)).to_contain_text("What is it about?")
        await page.context.set_offline(True)
        await page.get_by_label("Your message").fill("open?")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("status")).to_contain_text("No connection.")
        assert await wrong(page) == []
        await page.context.set_offline(False)
        await expect(last(page)).to_contain_text("till ten")

        await page.route("**/messages", _lose_the_answer, times=1)  # it arrives, and its answer does not
        await page.get_by_label("Your message").fill("open again?")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("log").locator(".msg")).to_have_count(5)
        await expect(last(page)).to_contain_text("till ten")
        said = [text for sender, text in await shop.talk() if sender == "user"]
        assert said == ["open?", "open again?"]

        await page.get_by_role("button", name="End chat").click()
        await page.get_by_role("button", name="4 of 5").click()
        await expect(page.get_by_text("Thank you.")).to_be_visible()
        ended = await conversations.get(shop.chat, await shop.newest(), owner_id=1)
        assert (ended.status, ended.rating) == ("closed", 4)
        assert await wrong(page) == []
        await page.get_by_role("button", name="Start a new chat").click()
        await expect(page.get_by_role("log").locator(".msg")).to_have_count(1)
        assert await shop.newest() != ended.id


async def _lose_the_answer(route: Any) -> None:
    await route.fetch()
    await route.abort()
