"""X bots in a browser, by keyboard: made, verified, posting, figures, deleting; on a server whose X is a fake."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from botyard.features.studio.registry import Platforms
from botyard.settings import Settings
from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import MODES, OPENED_AS, wrong_with
from tests.browser.yard import ADMIN_PASSWORD
from tests.contracts.running import Running, run
from tests.features.studio.conftest import connector, some_x
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import OAUTH1

pytestmark = pytest.mark.browser
__all__ = ["some_x"]

LABELS = {
    "API key": "consumer_key",
    "API key secret": "consumer_secret",
    "Access token": "access_token",
    "Access token secret": "access_token_secret",
}


@pytest.fixture
async def house_of_x(tmp_path: Path, some_x: FakeX) -> AsyncIterator[Running]:
    """A server of this test's own that takes the fake for X, with five dollars a month."""
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        admin_password=ADMIN_PASSWORD,
        log_level="error",
        x_enabled=True,
        x_monthly_cap_usd=Decimal(5),
    )
    async with run(settings) as running:
        made = connector(some_x)
        made.settles_s = 0
        running.db.parts.add(Platforms({"x": made}))
        yield running
        await made.close()


async def make_bot(tab: Tab) -> None:
    page = tab.page
    await tab.go("/x-bots")
    await page.get_by_role("button", name="New X bot").first.press("Enter")
    dialog = page.locator("#new-x-bot")
    await dialog.get_by_label("Name").fill("Harbour news")
    await dialog.get_by_text("Keys and tokens").press("Enter")
    for label, name in LABELS.items():
        await dialog.get_by_label(label, exact=True).fill(OAUTH1[name])
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/access")


async def post(tab: Tab, text: str, until: str) -> None:
    page = tab.page
    await page.get_by_label("Text", exact=True).fill(text)
    await page.locator("#measure").get_by_text("of 280").wait_for()
    await page.get_by_role("button", name="Check the post").press("Enter")
    await page.get_by_role("button", name="Post it on X").press("Enter")
    await page.locator("#posts").get_by_text(until).first.wait_for()


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_a_bot_is_made_posts_and_takes_back(
    house_of_x: Running, open_tab: OpenTab, some_x: FakeX, opened: str
) -> None:
    tab = await open_tab(on=house_of_x, **MODES[opened])
    page = tab.page
    await tab.enter()
    await make_bot(tab)
    wrong = await wrong_with(tab, "access", OPENED_AS[opened])
    await page.get_by_role("button", name="Verify now").press("Enter")
    await page.get_by_text("These keys belong to @harbour_bot").wait_for()

    await page.get_by_role("link", name="Posts", exact=True).press("Enter")
    await post(tab, "Good morning from the harbour", "Published")
    wrong += await wrong_with(tab, "posts", OPENED_AS[opened])
    await page.reload()
    await page.get_by_role("button", name="Ask X").press("Enter")
    await page.locator("#metrics table").wait_for()
    wrong += await wrong_with(tab, "figures", OPENED_AS[opened])

    await page.locator("#posts").get_by_text("Delete", exact=True).press("Enter")
    wrong += await wrong_with(tab, "before deleting", OPENED_AS[opened])
    await page.get_by_role("button", name="Delete it on X").press("Enter")
    await page.locator("#posts").get_by_text("Deleted", exact=True).wait_for()

    assert some_x.posts == {}
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("opened", OPENED_AS)
async def test_a_post_that_x_did_not_confirm_asks_for_a_look(
    house_of_x: Running, open_tab: OpenTab, some_x: FakeX, opened: str
) -> None:
    tab = await open_tab(on=house_of_x, **MODES[opened])
    await tab.enter()
    await make_bot(tab)
    await tab.page.get_by_role("link", name="Posts", exact=True).press("Enter")
    some_x.hidden = True
    some_x.fail("made_then_cut")

    await post(tab, "Lost on the way", "Look at the account on X")
    wrong = await wrong_with(tab, "an open post", OPENED_AS[opened])
    await tab.page.get_by_label("It is there, at").fill(
        f"https://x.com/harbour_bot/status/{next(iter(some_x.posts))}"
    )
    await tab.page.keyboard.press("Enter")
    await tab.page.locator("#posts").get_by_text("Published", exact=True).wait_for()

    assert "\n".join(wrong) == ""
    assert some_x.made() == ["Lost on the way"]
