"""Settings in a browser: changed, refused, added and taken back without leaving the page."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import MODES, OPENED_AS, look

pytestmark = pytest.mark.browser


async def add(tab: Tab, service: str, key: str, value: str) -> None:
    await tab.go("/settings")
    await tab.page.get_by_role("button", name="Add a service").click()
    dialog = tab.page.locator("#new-service")
    await dialog.get_by_label("Name of the service").fill(service)
    await dialog.get_by_label("First setting").fill(key)
    await dialog.get_by_label("Value").fill(value)
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await tab.page.get_by_text(f"{key} is added.").wait_for()


async def test_a_value_is_changed_by_keyboard_and_taken_back(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.enter()
    await tab.go("/settings")
    field = tab.page.get_by_label("command_retention_days", exact=True)

    await field.fill("91")
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_text("command_retention_days is saved.").wait_for()
    await expect(field).to_be_focused()
    await tab.page.get_by_role("button", name="of command_retention_days").click()
    await tab.page.get_by_text("command_retention_days is as it was before.").wait_for()

    await expect(field).to_have_value("90")


async def test_a_refused_value_stays_with_its_reason(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.enter()
    tab.expect("400 (Bad Request)")
    await tab.go("/settings")
    field = tab.page.get_by_label("x_monthly_cap_usd", exact=True)

    await field.fill("1.005")
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_text("It is an amount with at most two decimals").wait_for()
    assert (await look_here(tab)) == []
    await expect(field).to_have_value("1.005")
    await field.fill("0")
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_text("x_monthly_cap_usd is saved.").wait_for()

    await expect(tab.page.get_by_text("It is an amount")).to_have_count(0)


async def look_here(tab: Tab) -> list[str]:
    """What is wrong with how the page looks as it is."""
    beyond = await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"{beyond} pixels wider than the screen"] if beyond > 0 else []


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_a_service_of_one_s_own_is_accessible_and_fits(open_tab: OpenTab, opened: str) -> None:
    tab = await open_tab(**MODES[opened])
    await tab.enter()
    service = f"a service of {opened} " + "x" * 60
    await add(tab, service, "first_" + "setting" * 12, '["a"]')

    await tab.page.get_by_role("button", name="Add a secret").click()
    dialog = tab.page.locator("#new-secret")
    await dialog.get_by_label("Name").fill("client")
    await dialog.get_by_label("Secret", exact=True).fill("hush-hush-hush")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await tab.page.get_by_text("client is added.").wait_for()

    assert "hush-hush" not in await tab.page.content()
    address = tab.page.url.removeprefix(tab.url)
    wrong = await look(tab, address, OPENED_AS[opened])
    for dialog_id in ("new-setting", "new-secret"):
        await tab.page.goto("about:blank")  # or the part behind the # alone would open nothing
        wrong += await look(tab, f"{address}#{dialog_id}", OPENED_AS[opened])
    assert "\n".join(wrong) == ""
