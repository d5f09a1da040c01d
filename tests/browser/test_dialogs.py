"""Dialogs by keyboard and mouse: where typing begins, what stays behind, and where one is afterwards."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.yard import ADMIN_PASSWORD, PASSWORD, BotCalls, Yard, make_account

pytestmark = pytest.mark.browser
# What has the focus in each dialog of a page: the first field, or else the way out; by the words on what opens it.
BEGINNINGS = """
(() => [...document.querySelectorAll("[data-opens]")].filter((opener) => opener.checkVisibility()).map((opener) => {
  opener.click();
  const dialog = document.querySelector("dialog:modal");
  const begun = document.activeElement;
  const name = begun.labels?.[0]?.textContent ?? begun.textContent;
  const said = `${dialog.id}: ${begun.getAttribute("aria-label") ?? name.trim()}`;
  dialog.close();
  return said;
}))()
"""


async def begun(page: Page) -> str:
    """The dialog that is open and what has the focus in it."""
    return str(
        await page.evaluate("`${document.querySelector('dialog:modal').id} ${document.activeElement.id}`")
    )


async def test_a_dialog_opens_where_typing_begins_and_never_on_what_closes_or_destroys(
    tab: Tab, full_bot: BotCalls
) -> None:
    await tab.go(f"/fleet/{full_bot.id}/access")
    of_bot = await tab.page.evaluate(BEGINNINGS)
    await tab.go("/fleet#new-bot")
    by_address = await begun(tab.page)

    assert of_bot == [
        "send-command: Command",
        "reveal: Your password",
        "renew: Your password",
        "stop: Cancel",
        "delete: Your password",
    ]
    assert by_address == "new-bot new-bot-name"


async def test_neither_password_nor_error_stays_in_a_dialog_that_closes(tab: Tab, full_bot: BotCalls) -> None:
    tab.expect("401 (Unauthorized)")
    page = tab.page
    await tab.go(f"/fleet/{full_bot.id}/access")
    opener, dialog = page.get_by_role("button", name="Show the token"), page.locator("#reveal")
    password, error = dialog.get_by_label("Your password"), dialog.get_by_role("alert")
    await opener.click()
    await page.keyboard.type("not it")
    await page.keyboard.press("Enter")
    await expect(error).to_contain_text("wrong")

    await page.keyboard.press("Escape")
    await expect(password).to_have_value("")
    await opener.click()
    await expect(error).to_be_hidden()
    await expect(password).not_to_have_attribute("aria-invalid", "true")
    await page.keyboard.type(ADMIN_PASSWORD)
    await page.keyboard.press("Enter")

    await expect(page.locator("#token")).to_be_visible()
    await expect(password).to_have_value("")


async def test_what_a_dialog_lets_one_edit_is_back_as_the_server_sent_it(
    tab: Tab, full_bot: BotCalls
) -> None:
    page = tab.page
    await tab.go(f"/fleet/{full_bot.id}/commands#send-command")
    priority = page.get_by_label("Priority")
    await priority.fill("7")

    await page.keyboard.press("Escape")

    await expect(priority).to_have_value("0")


async def drag(page: Page, here: tuple[float, float], there: tuple[float, float]) -> None:
    """Press here, and let go there."""
    await page.mouse.move(*here)
    await page.mouse.down()
    await page.mouse.move(*there, steps=4)
    await page.mouse.up()


async def middle(element: Locator) -> tuple[float, float]:
    """Where one clicks it."""
    box = await element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_a_dialog_closes_by_its_backdrop_only_where_it_is_pressed_and_let_go_there(tab: Tab) -> None:
    page = tab.page
    await tab.go("/fleet#new-bot")
    name, dialog = page.get_by_label("Name", exact=True), page.locator("#new-bot")
    await name.fill("Selected by mouse")
    field, beside = await middle(name), (20.0, 500.0)

    await drag(page, field, beside)
    await drag(page, beside, field)
    await expect(name).to_be_visible()
    await expect(name).to_have_value("Selected by mouse")
    await page.mouse.click(*beside)

    await expect(dialog).to_be_hidden()


async def test_a_notice_over_a_dialog_can_be_heard_and_dismissed(tab: Tab, full_bot: BotCalls) -> None:
    for text in ("ERR_INTERNET_DISCONNECTED", "Failed to fetch", "network error"):
        tab.expect(text)
    page = tab.page
    await tab.go(f"/fleet/{full_bot.id}/commands#send-command")
    region = page.get_by_role("status").filter(has_text="did not answer")
    await page.context.set_offline(True)
    await page.keyboard.type("ping")
    await page.keyboard.press("Enter")

    dismiss = region.get_by_role("button", name="Dismiss")  # found by role: not inert
    await expect(dismiss).to_be_visible()
    await dismiss.click()  # fails on what lies over it
    await expect(region).to_have_count(0)
    await expect(page.get_by_label("Command", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dismiss).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#send-command")).to_be_hidden()

    await dismiss.click()
    await expect(region).to_have_count(0)


async def test_after_a_dialog_one_is_at_what_it_brought(open_tab: OpenTab, yard: Yard) -> None:
    make_account(yard, "lander")
    tab = await open_tab()
    await tab.enter("lander", PASSWORD)
    page, keys = tab.page, tab.page.keyboard
    await tab.go("/account/security")
    await page.get_by_role("button", name="Set it up").click()
    await keys.type(PASSWORD)
    await keys.press("Enter")
    await expect(page.get_by_label("Code", exact=True)).to_be_focused()  # the field that it is about

    await tab.go("/account/keys#new-key")
    await keys.type("My script")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="My script")).to_be_focused()  # what there is to read

    await tab.go("/fleet#new-bot")
    await keys.type("Landed")
    await keys.press("Enter")
    await expect(page.locator("#token")).to_be_focused()  # in the dialog, which stays
    await page.get_by_role("link", name="Open Landed").click()
    await page.get_by_role("link", name="Access").click()
    await page.get_by_role("button", name="Show the token").click()
    await keys.type(PASSWORD)
    await keys.press("Enter")
    await expect(page.locator("#token-panel")).to_be_focused()  # it has neither
