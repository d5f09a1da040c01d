"""A flow is written by hand in its drawing, by mouse and by keyboard, at a desk and on a phone in the dark."""

import re
from typing import Any

import pytest

from tests import loopback
from tests.browser.conftest import OpenTab, Tab
from tests.browser.looks import look, violations
from tests.browser.yard import ADMIN_PASSWORD, Yard

pytestmark = pytest.mark.browser


def make(yard: Yard, name: str) -> str:
    """A chatbot with nothing in it; answers the address of its pages."""
    with loopback.blocking_client(base_url=yard.url) as http:
        headers = {"HX-Request": "true", "Origin": yard.url}
        http.post("/sign-in", data={"identity": "admin", "password": ADMIN_PASSWORD}, headers=headers)
        made = http.post("/chat", data={"name": name, "template": ""}, headers=headers)
    return str(made.headers["hx-redirect"])


async def put(tab: Tab, way: str, kind: str, **fields: Any) -> None:
    """Put a step on a way by its plus in the drawing, fill in its form and save it."""
    page = tab.page
    await page.locator(f".flow-map .plus[href*='{way}']").click()
    await page.locator("#side .kinds a").filter(has=page.get_by_text(kind, exact=True)).click()
    for label, text in fields.items():
        await page.locator("#step-form").get_by_label(label.replace("_", " "), exact=True).fill(text)
    async with page.expect_event("load"):
        await page.get_by_role("button", name="Add the step").click()


async def test_a_flow_is_written_in_its_drawing(tab: Tab, open_tab: OpenTab, yard: Yard) -> None:
    path = make(yard, "Pizzeria")
    page = tab.page
    await tab.go(f"{path}/flows")
    await page.get_by_role("button", name="New flow").first.click()
    await page.get_by_label("Name", exact=True).fill("Order")
    await page.get_by_role("button", name="Make the flow").click()
    await page.wait_for_url(re.compile("flow=order"))

    await put(tab, "way=next", "Ask", Remember_the_answer_as="size", The_question="Which size?")
    await put(tab, "after=ask_size", "Choose")
    await page.locator("#step-form").get_by_role("button", name="Branch", exact=True).click()
    await page.locator("#step-form").get_by_role("button", name="Comparison").click()
    await page.locator("#step-form").get_by_label("Slot").fill("size")
    await page.locator("#step-form").get_by_label("Comparison", exact=True).select_option("equals")
    await page.locator("#step-form").get_by_label("Value").fill("large")
    async with page.expect_event("load"):
        await page.get_by_role("button", name="Save").click()
    await put(tab, "way=branch", "Say", What_is_said="That takes half an hour.")
    await page.locator(".flow-map .step a[href$='step=ask_size']").focus()
    await page.keyboard.press("Enter")
    await page.locator("#side h3", has_text="ask_size").wait_for()

    assert await page.locator(".flow-map .step").count() == 3
    assert await page.locator(".flow-map .label").all_text_contents() == ["size is large", "else"]
    assert await page.evaluate("document.activeElement.textContent.includes('ask_size')")
    assert await page.locator(".flow-map [aria-current]").count() == 1
    assert await violations(page) == []
    phone = await open_tab(phone=True, dark=True)
    await phone.enter()
    assert await look(phone, f"{path}/flows/edit?flow=order&step=choose", ["dark phone"]) == []
    await tab.go(f"{path}/flows")
    assert await page.get_by_text("Nothing starts it").is_visible()  # the only thing that is missing
