"""The vault in a browser: unlocked by keyboard, values shown and copied, everything exported to a file."""

import json
import time
from typing import Any

import pyotp
import pytest

from tests import loopback
from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import MODES, OPENED_AS, wrong_with
from tests.browser.yard import PASSWORD, Yard, make_account

pytestmark = pytest.mark.browser
_DATA: dict[str, Any] = {
    "webhook_secret": "whsec_0123456789",
    "exchange": {"key": "abc", "secret": "def"},
    "key file": "-----BEGIN KEY-----\nMIIB\n-----END KEY-----",
}


def fill(yard: Yard, name: str) -> str:
    """An account with an X bot that has two versions of secret data; the bot's id."""
    make_account(yard, name)
    url = f"{yard.url}/vivesphere/api/v1"
    with loopback.blocking_client(base_url=url) as http:
        login = http.post("/auth/login", json={"username": name, "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {login['token']}"
        made = http.post("/bots/create", json={"bot_name": "Harbour", "credentials": {"api_key": "k"}}).json()
        for data in ({"webhook_secret": "former"}, _DATA):
            stored = http.post("/botdata/store", json={"bot_id": made["bot_id"], "data": data})
            assert stored.status_code == 201, stored.text
    return str(made["bot_id"])


async def unlock(tab: Tab) -> None:
    dialog = tab.page.locator("#unlock")
    await dialog.get_by_label("Your password").fill(PASSWORD)
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_role("button", name="Lock", exact=True).wait_for()


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_values_are_shown_once_it_is_unlocked_and_a_version_is_restored(
    open_tab: OpenTab, yard: Yard, opened: str
) -> None:
    name = f"vera_{opened.replace(' ', '_')}"
    bot_id = fill(yard, name)
    tab = await open_tab(**MODES[opened])
    await tab.enter(name, PASSWORD)
    await tab.go(f"/vault/{bot_id}")
    wrong = await wrong_with(tab, "locked", OPENED_AS[opened])
    await tab.page.get_by_role("button", name="Show the values").click()
    wrong += await wrong_with(tab, "asking", OPENED_AS[opened])
    await unlock(tab)

    await tab.page.get_by_role("button", name="Show the values").click()
    field = tab.page.get_by_label("webhook_secret", exact=True)
    assert await field.input_value() == _DATA["webhook_secret"]
    assert await field.get_attribute("type") == "password"
    assert await tab.page.locator("pre", has_text="BEGIN KEY").text_content() == _DATA["key file"]
    wrong += await wrong_with(tab, "values", OPENED_AS[opened])
    await tab.page.get_by_role("button", name="Restore", exact=True).click()
    await tab.page.get_by_role("button", name="Restore it").click()
    await tab.page.get_by_text("Version 1 is back, as version 3.").wait_for()

    assert "\n".join(wrong) == ""


async def test_proof_that_is_too_old_is_asked_for_again(open_tab: OpenTab, yard: Yard) -> None:
    bot_id = fill(yard, "vero")
    tab = await open_tab()
    tab.expect("403 (Forbidden)")
    await tab.enter("vero", PASSWORD)
    await tab.go(f"/vault/{bot_id}")
    await tab.page.get_by_role("button", name="Unlock").first.click()
    await unlock(tab)
    other = await tab.page.context.new_page()
    await other.goto(f"{tab.url}/vault/{bot_id}")
    await other.get_by_role("button", name="Lock", exact=True).click()
    await other.get_by_text("The vault is locked again.").wait_for()

    await tab.page.get_by_role("button", name="Show the values").click()

    await tab.page.get_by_text("Give your password for this").wait_for()


async def test_export_tells_errors_in_its_form_and_then_downloads_the_file(
    open_tab: OpenTab, yard: Yard
) -> None:
    fill(yard, "vida")
    tab = await open_tab(accept_downloads=True)
    tab.expect("401 (Unauthorized)")
    await tab.enter("vida", PASSWORD)
    await tab.go("/vault")
    await tab.page.get_by_role("button", name="Export").click()
    await tab.page.get_by_role("link", name="Set up a second factor").click()
    await tab.page.locator("#enrol").get_by_label("Your password").fill(PASSWORD)
    await tab.page.keyboard.press("Enter")
    app = pyotp.TOTP(await tab.page.locator("#otp-secret").input_value())
    await tab.page.locator("#factor-code").fill(app.now())
    await tab.page.keyboard.press("Enter")
    await tab.page.locator("#codes").wait_for()

    await tab.go("/vault#export")
    form = tab.page.locator("#export-form")
    await form.get_by_label("Your password").fill(PASSWORD)
    await form.get_by_label("Code of your second factor").fill("000000")
    await tab.page.keyboard.press("Enter")
    await form.get_by_text("The code is wrong").wait_for()
    await form.get_by_label("Code of your second factor").fill(
        app.at(int(time.time()) + 30)
    )  # the present one is used up
    async with tab.page.expect_download() as download:
        await tab.page.keyboard.press("Enter")

    path = await (await download.value).path()
    (bot,) = json.loads(path.read_text())["bots"]
    assert bot["secrets"] == {"credentials": {"api_key": "k"}, "data": _DATA}
    assert not await tab.page.locator("#export").is_visible()
