"""What is wrong with how a page looks, in light and dark, at a desk and on a phone."""

import json
from collections.abc import Sequence
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.conftest import DESK, PHONE, Tab

AXE = Axe().axe_script
MODES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"phone": True},
    "dark phone": {"phone": True, "dark": True},
}
# A page that is open follows the system, as `test_the_theme_follows_the_system` states. So each is opened twice, and
# shown in the other light as well.
OPENED_AS = {"light": ("light", "dark"), "dark phone": ("dark phone", "phone")}

BAR = 15  # that scrolls the page, and lies over it on phones
WIDTHS = (320 + BAR, 768, 1024, 1280)  # a phone at its narrowest, a tablet both ways, a small laptop
# What is wider than the screen, and cards out of which something sticks, by their first words.
OUTGROWN = """
(() => {
  const { scrollWidth, clientWidth } = document.documentElement; // innerWidth has the scrollbar in it
  const beyond = scrollWidth - clientWidth;
  const cards = [...document.querySelectorAll("main .card")]
    .filter(card => card.scrollWidth > card.clientWidth + 1 && getComputedStyle(card).overflowX === "visible")
    .map(card => `${card.scrollWidth - card.clientWidth} pixels stick out of "${card.innerText.slice(0, 40)}"`);
  return beyond > 0 ? [`${beyond} pixels wider than the screen`, ...cards] : cards;
})()
"""
# Rows of tables in cards whose first or last cell that shows touches the edge of the card, by their first words.
TOUCHING = """
[...new Set([...document.querySelectorAll("main .card-table tr")].flatMap(row => {
  const cells = [...row.cells].filter(cell => cell.offsetWidth);
  if (!cells.length || getComputedStyle(row).display !== "table-row") return [];
  const left = parseFloat(getComputedStyle(cells[0]).paddingLeft);
  const right = parseFloat(getComputedStyle(cells.at(-1)).paddingRight);
  return Math.min(left, right) < 12
    ? [`${left} and ${right} pixels between the edges and "${row.innerText.slice(0, 40)}"`] : [];
}))]
"""
# Boxes that scroll although next to nothing is out of sight, by their classes and first words.
SCROLLING_FOR_NOTHING = """
[...document.querySelectorAll("body *")].filter(box => {
  const { overflowX, overflowY } = getComputedStyle(box);
  const [across, down] = [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight];
  const scrolls = (how, by) => ["auto", "scroll"].includes(how) && by > 0 && by < 6;
  return box.tagName !== "TEXTAREA" && (scrolls(overflowX, across) || scrolls(overflowY, down));
}).map(box => `"${box.className} ${box.innerText.slice(0, 40)}" scrolls for next to nothing`)
"""


async def violations(page: Page) -> list[str]:
    """What axe finds wrong, in words."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']} ({each['impact']}): {json.dumps([node['html'][:160] for node in each['nodes']][:3])}"
        for each in found["violations"]
    ]


async def misplaced(page: Page) -> list[str]:
    """What sticks out of its place, touches the edge of its card or scrolls for nothing, in words."""
    return [
        each for script in (OUTGROWN, TOUCHING, SCROLLING_FOR_NOTHING) for each in await page.evaluate(script)
    ]


async def widen(page: Page, width: int, height: int = 900) -> None:
    """Make the screen this wide, and wait until the page's scripts know of it: it is drawn anew only then."""
    await page.set_viewport_size(ViewportSize(width=width, height=height))
    await page.evaluate("new Promise(drawn => requestAnimationFrame(drawn))")


async def turn(tab: Tab, mode: str) -> None:
    """Let the screen be of a mode, for the page that is open and for the next ones."""
    await widen(tab.page, **(PHONE if "phone" in mode else DESK))
    await tab.page.emulate_media(color_scheme="dark" if "dark" in mode else "light")


async def show(tab: Tab, mode: str) -> None:
    """Let the page that is open be seen in a mode."""
    await turn(tab, mode)
    theme = "dark" if "dark" in mode else "light"
    await expect(tab.page.locator("html")).to_have_attribute("data-bs-theme", theme)


async def wrong_with(tab: Tab, what: str, modes: Sequence[str]) -> list[str]:
    """What is wrong with the page that is open in any of the modes, of which it is in the first afterwards."""
    wrong: list[str] = []
    for mode in modes:
        await show(tab, mode)
        wrong += [f"{what}, {mode}: {each}" for each in await violations(tab.page)]
        wrong += [f"{what}, {mode}: {each}" for each in await misplaced(tab.page)]
    for width in WIDTHS:
        await widen(tab.page, width)
        wrong += [f"{what}, {width} wide: {each}" for each in await misplaced(tab.page)]
    await show(tab, modes[0])
    return wrong


async def look(tab: Tab, path: str, modes: Sequence[str]) -> list[str]:
    """Open a page in the first of the modes; what is wrong with it in any of them."""
    await turn(tab, modes[0])
    await tab.go(path)
    await tab.page.locator("h1").wait_for()
    return await wrong_with(tab, path, modes)
