"""Webhooks in a browser: made, followed while receivers answer well, badly and not at all, and repaired."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import OPENED_AS, look, wrong_with
from tests.browser.yard import ADMIN_PASSWORD, Yard
from tests.core.webhooks.receiver import HANG, Receiver, Reply, receiving

pytestmark = pytest.mark.browser
ANSWERS = {
    "well": Reply(200, b'{"taken":true}'),
    "badly": Reply(500, b"closed"),
    "never": HANG,
    "later": Reply(429, headers=("Retry-After: 600",)),
    "gone": Reply(410),
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Answers by the end of the address."""
    async with receiving() as receiver:
        receiver.answer = lambda got: ANSWERS[got.path.rpartition("/")[2]]
        yield receiver


@pytest.fixture
async def tab(open_tab: OpenTab, empty_yard: Yard) -> Tab:
    """The administrator of a server that may call receivers on this machine."""
    tab = await open_tab(on=empty_yard)
    await tab.enter()
    setting = {"service": "botyard", "key": "allow_private_networks", "kind": "switch", "value": "true"}
    headers = {"HX-Request": "true", "Origin": tab.url}
    saved = await tab.page.context.request.post(f"{tab.url}/settings/set", form=setting, headers=headers)
    assert saved.ok, await saved.text()
    return tab


async def make(tab: Tab, receiver: Receiver, name: str) -> str:
    """Make a webhook by its dialog and send a ping; answers the path of the delivery."""
    page = tab.page
    await tab.go("/webhooks")
    await page.get_by_role("button", name="New webhook").first.click()
    dialog = page.locator("#new-webhook")
    await dialog.get_by_label("Address").fill(f"{receiver.url}/{name}")
    await dialog.get_by_label("Name").fill(name)
    await page.keyboard.press("Enter")
    await expect(page.locator("#list").get_by_role("link", name=name, exact=True)).to_be_visible()
    await page.locator("#made").get_by_role("button", name="Send a ping").click()
    await page.wait_for_url("**/deliveries/*")
    return page.url.removeprefix(tab.url)


async def test_deliveries_are_followed_until_they_end(tab: Tab, receiver: Receiver) -> None:
    state = tab.page.locator("#state-title")

    await make(tab, receiver, "well")
    await expect(state).to_have_text("Delivered")
    await expect(tab.page.get_by_text('{"taken":true}')).to_be_visible()
    await make(tab, receiver, "gone")
    await expect(state).to_have_text("Failed")
    await tab.page.get_by_role("link", name="Enable the webhook first").click()
    await tab.page.get_by_role("button", name="Enable").click()
    await expect(tab.page.get_by_text("Not tried since")).to_be_visible()
    await make(tab, receiver, "never")
    await expect(state).to_have_text("Sending")
    receiver.answers(Reply(204))
    receiver.release()
    await expect(state).to_have_text("Delivered")

    await expect(tab.page.get_by_text("Attempt 2", exact=True)).to_be_visible()


async def test_what_was_opened_stays_open_while_the_page_follows(tab: Tab, receiver: Receiver) -> None:
    await make(tab, receiver, "badly")
    answers = tab.page.get_by_text("closed", exact=True)
    await expect(answers).to_have_count(1)
    await expect(answers).to_be_visible()

    await tab.page.get_by_text("As it is sent").click()
    await expect(answers).to_have_count(2)  # after five seconds

    await expect(tab.page.locator("#body-text")).to_be_visible()
    await expect(answers.last).to_be_visible()


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_pages_are_accessible_and_fit_whatever_receivers_answer(
    tab: Tab, receiver: Receiver, opened: str
) -> None:
    pages = ["/webhooks"]
    for name in ANSWERS:
        delivery = await make(tab, receiver, name)
        pages += [delivery.partition("/deliveries/")[0], delivery]
    pages += [f"{pages[1]}/settings", f"{pages[1]}/verify", f"{pages[1]}?state=failed"]
    modes = OPENED_AS[opened]
    wrong: list[str] = []

    for path in pages:
        wrong += await look(tab, path, modes)
    await tab.go(pages[1])
    await tab.page.get_by_role("button", name="Replay what was missed").click()
    wrong += await wrong_with(tab, "replay", modes)
    await tab.go(f"{pages[1]}/settings")
    await tab.page.get_by_role("button", name="Replace it").click()
    wrong += await wrong_with(tab, "rotate", modes)
    await tab.page.locator("#rotate-password").fill(ADMIN_PASSWORD)
    await tab.page.get_by_role("button", name="Replace the secret").click()
    await tab.page.locator("#webhook-secret").wait_for()
    wrong += await wrong_with(tab, "rotated", modes)

    assert "\n".join(wrong) == ""
