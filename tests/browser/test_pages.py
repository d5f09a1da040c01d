"""Every page in light, dark and on a phone: accessible, within the screen, silent in the console."""

import pytest

from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import MODES, OPENED_AS, look, show
from tests.browser.yard import BotCalls

pytestmark = pytest.mark.browser

INSIDE = (
    "/",
    "/welcome",
    "/fleet",
    "/x-bots",
    "/voices",
    "/webhooks",
    "/vault",
    "/jobs",
    "/logs",
    "/logs/services",
    "/audit",
    "/users",
    "/users/1",
    "/users/invitations",
    "/settings",
    "/settings/start",
    "/settings/health",
    "/connect",
    "/account",
    "/account/security",
    "/account/keys",
    "/about",
)
OF_BOT = ("", "/messages", "/messages?thread=family", "/commands", "/settings", "/data", "/access")
OF_CHATBOT = (
    "",
    "?days=7&measure=messages",
    "/try",
    "/conversations",
    "/inbox",
    "/examples",
    "/examples/check",
    "/training",
    "/versions",
)
OUTSIDE = ("/sign-in", "/register", "/forgot-password", "/reset-password?token=x")
DIALOGS = {
    "/fleet": ("new-bot",),
    "/x-bots": ("new-x-bot",),
    "/webhooks": ("new-webhook",),
    "/vault": ("export", "rotate"),
    "/account": ("delete",),
    "/account/security": ("enrol", "everywhere"),
    "/account/keys": ("new-key",),
    "/users/invitations": ("invite",),
    "/settings": ("new-service",),
    "/connect": ("new-key",),
}
OF_CHATBOT_DIALOGS = {
    "": ("deploy",),
    "/examples": ("import", "add"),
    "/versions": ("freeze",),
    "/settings": ("new-channel",),
}
OF_BOT_DIALOGS = {"/commands": ("send-command",), "/access": ("reveal", "renew", "stop", "delete")}


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_pages_are_accessible_and_fit(open_tab: OpenTab, full_bot: BotCalls, opened: str) -> None:
    tab = await open_tab(**MODES[opened])
    await tab.enter()
    wrong: list[str] = []

    for path in (*INSIDE, *(f"/fleet/{full_bot.id}{each}" for each in OF_BOT)):
        wrong += await look(tab, path, OPENED_AS[opened])

    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("opened", ["light", "dark phone"])
async def test_pages_of_a_chatbot_are_accessible_and_fit(
    open_tab: OpenTab, chatbot: str, opened: str
) -> None:
    tab = await open_tab(**MODES[opened])
    await tab.enter()
    wrong: list[str] = []

    for path in OF_CHATBOT:
        wrong += await look(tab, chatbot + path, [opened])
    await tab.go(f"{chatbot}/versions?environment=staging")  # in production it answers already
    review = await tab.page.get_by_role("link", name="Deploy version 1").get_attribute("href")
    wrong += await look(tab, str(review), [opened])
    await tab.go(f"{chatbot}/training")
    report = await tab.page.locator("#trainings a").first.get_attribute("href")
    wrong += await look(tab, str(report), [opened])
    await tab.go(f"{chatbot}/conversations")
    talk = await tab.page.locator("#list a").first.get_attribute("href")
    wrong += await look(tab, str(talk), [opened])

    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_the_door_is_accessible_and_fits(open_tab: OpenTab, opened: str) -> None:
    tab = await open_tab(**MODES[opened])
    wrong: list[str] = []

    for path in OUTSIDE:
        wrong += await look(tab, path, OPENED_AS[opened])

    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_dialogs_are_accessible_and_fit(
    open_tab: OpenTab, full_bot: BotCalls, chatbot: str, opened: str
) -> None:
    tab = await open_tab(**MODES[opened])
    await tab.enter()
    wrong: list[str] = []
    of_bot = {f"/fleet/{full_bot.id}{path}": dialogs for path, dialogs in OF_BOT_DIALOGS.items()}

    of_chatbot = {f"{chatbot}{path}": dialogs for path, dialogs in OF_CHATBOT_DIALOGS.items()}

    for path, dialogs in {**DIALOGS, **of_bot, **of_chatbot}.items():
        for dialog in dialogs:
            await tab.page.goto("about:blank")  # or the part behind the # alone would open nothing
            wrong += await look(tab, f"{path}#{dialog}", OPENED_AS[opened])
            for mode in OPENED_AS[opened]:
                await show(tab, mode)
                assert await tab.page.locator(f"#{dialog}").is_visible(), (path, dialog, mode)
                box = await tab.page.locator(f"#{dialog}").bounding_box()
                assert box is not None
                assert box["x"] >= 0

    assert "\n".join(wrong) == ""


async def test_empty_pages_say_what_will_be_there(open_tab: OpenTab, empty_yard: object) -> None:
    tab = await open_tab(on=empty_yard)
    await tab.enter()
    said = {
        "/": "No bots yet",
        "/fleet": "No bots yet",
        "/vault": "No secrets yet",
        "/x-bots": "No X bots yet",
        "/webhooks": "No webhooks yet",
        "/logs": "No log lines yet",
        "/logs/services": "No entries yet",
        "/logs/services?q=nobody": "No entries that match",
        "/account/keys": "No API keys yet",
        "/users/invitations": "No invitations yet",
        "/fleet?q=nobody": "No bots yet",
    }
    wrong: list[str] = []

    for path, words in said.items():
        wrong += await look(tab, path, ["light"])
        assert await tab.page.get_by_text(words, exact=True).first.is_visible(), path

    assert "\n".join(wrong) == ""


async def test_errors_are_pages_of_their_own(tab: Tab) -> None:
    tab.expect("404 (Not Found)")

    wrong = await look(tab, "/nowhere", ["light"])

    assert "\n".join(wrong) == ""
    await tab.page.get_by_role("link", name="Go to the overview").click()
    await tab.page.wait_for_url(f"{tab.url}/")


async def test_the_page_of_the_api_document_works_under_the_same_policy(tab: Tab) -> None:
    await tab.go("/manager/docs")

    await tab.page.get_by_text("/api/auth/login").first.wait_for()
