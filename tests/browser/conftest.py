"""A real server and Debian's Chromium; a page that ends with console errors fails its test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.yard import ADMIN_PASSWORD, BotCalls, Yard, fill, make_bot, make_chatbot

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Two cores do three tests at a time: a page may take longer than the usual five seconds.
expect.set_options(timeout=20_000)
DESK = {"width": 1440, "height": 980}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A server for all browser tests; whoever needs it empty or broken starts another."""
    yard = Yard(tmp_path_factory.mktemp("yard"))
    yard.start()
    yield yard
    yard.stop()


@pytest.fixture(scope="session")
def full_bot(yard: Yard) -> BotCalls:
    """A bot of the administrator's that has some of everything; tests leave it as it is."""
    bot = make_bot(yard, "Front desk")
    with yard.client() as http:
        http.post("/auth/login", json={"username": "admin", "password": ADMIN_PASSWORD})
        fill(bot, http)
    return bot


@pytest.fixture(scope="session")
def chatbot(yard: Yard) -> str:
    """The path of a chatbot that has learned and is deployed; tests change no more of it than examples."""
    return make_chatbot(yard, "Harbour")


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Chromium without a head."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=list(_ARGUMENTS),
            ignore_default_args=["--hide-scrollbars"],  # people see them
        )
        yield browser
        await browser.close()


@dataclass
class Tab:
    """A page with what its console said."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, text: str) -> None:
        """Take console errors that hold this text for what the test is about."""
        self.expected.append(text)

    def check(self) -> None:
        """Fail on console errors that nobody expected."""
        left = [line for line in self.said if not any(text in line for text in self.expected)]
        assert left == []

    async def go(self, path: str) -> None:
        """Open an address of the server."""
        await self.page.goto(self.url + path)

    async def enter(self, name: str = "admin", password: str = ADMIN_PASSWORD) -> None:
        """Come in without the pages of the door, for tests that are about something else."""
        came = await self.page.context.request.post(
            f"{self.url}/sign-in",
            form={"identity": name, "password": password, "next": "/about"},
            headers={"HX-Request": "true", "Origin": self.url},
        )
        assert came.ok, await came.text()

    async def sign_in(self, name: str = "admin", password: str = ADMIN_PASSWORD) -> None:
        """Come in by the door."""
        await self.go("/sign-in?next=/about")
        await self.page.get_by_label("User name or mail address").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(f"{self.url}/about")


OpenTab = Callable[..., Awaitable[Tab]]


@pytest.fixture
async def open_tab(browser: Browser, yard: Yard) -> AsyncIterator[OpenTab]:
    """open_tab(phone=False, dark=False, on=yard, **context) opens a browser of its own."""
    opened: list[tuple[BrowserContext, Tab]] = []

    async def open_one(*, phone: bool = False, dark: bool = False, on: Yard = yard, **options: Any) -> Tab:
        context = await browser.new_context(
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(15_000)
        tab = Tab(await context.new_page(), on.url)
        tab.page.on(
            "console",
            lambda line: (
                tab.said.append(f"{line.type}: {line.text}") if line.type in ("error", "warning") else None
            ),
        )
        tab.page.on("pageerror", lambda error: tab.said.append(f"exception: {error}"))
        opened.append((context, tab))
        return tab

    yield open_one
    for context, tab in opened:
        tab.check()
        await context.close()


@pytest.fixture
async def tab(open_tab: OpenTab) -> Tab:
    """The administrator at a desk, signed in."""
    tab = await open_tab()
    await tab.enter()
    return tab


@pytest.fixture
def empty_yard(tmp_path: Path) -> Iterator[Yard]:
    """A server of this test's own."""
    yard = Yard(tmp_path)
    yard.start()
    yield yard
    yard.stop()
