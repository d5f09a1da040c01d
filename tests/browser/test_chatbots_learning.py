"""Teaching a chatbot by hand: marks that stay on their words, squares that lead to texts, models that go."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Tab
from tests.browser.yard import Yard, make_chatbot

pytestmark = pytest.mark.browser


async def test_words_are_marked_and_keep_their_marks_while_the_text_changes(tab: Tab, chatbot: str) -> None:
    await tab.go(f"{chatbot}/examples?q=two tickets")
    await tab.page.get_by_role("button", name="Edit: price of two tickets").click()
    text = tab.page.get_by_label("What people say", exact=True)
    await text.evaluate("field => field.setSelectionRange(9, 12)")
    await tab.page.get_by_label("Entity of the selected words").fill("number")
    await tab.page.keyboard.press("Enter")
    await text.press("Home")
    await text.press_sequentially("😀 ")
    await tab.page.get_by_role("button", name="Save").click()

    marked = tab.page.locator("mark.entity")
    await expect(marked).to_have_text("twonumber")
    await expect(tab.page.locator(".example-text")).to_contain_text("😀 price of")


async def test_chosen_rows_are_counted_and_all_are_chosen_at_once(tab: Tab, chatbot: str) -> None:
    await tab.go(f"{chatbot}/examples?intent=thanks")

    await tab.page.get_by_label("Choose all on this page").check()

    await expect(tab.page.get_by_text("4 chosen")).to_be_visible()


async def test_a_model_is_deleted_after_a_question_and_one_that_answers_offers_none(
    tab: Tab, yard: Yard
) -> None:
    path, page = make_chatbot(yard, "Lighthouse"), tab.page
    await tab.go(f"{path}/training")
    await expect(page.get_by_text("in version 1")).to_be_visible()
    await expect(page.get_by_label("Delete model 1")).to_have_count(0)

    await page.get_by_role("button", name="Train", exact=True).click()
    await page.get_by_role(
        "button", name="Delete", exact=True
    ).click()  # the report came live, behind the page
    question = page.get_by_role("dialog", name="Delete the model")
    await expect(question).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()

    await tab.go(f"{path}/training")
    await page.get_by_label("Delete model 2").click()
    question = page.get_by_role("dialog", name="Delete model 2")
    await expect(question).to_contain_text("has model 1 then")
    await question.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Model 2 is deleted.")).to_be_visible()
    await expect(page.get_by_role("link", name="No model")).to_be_visible()


async def test_a_name_that_is_written_makes_an_import_a_new_dataset_and_a_name_for_another_is_refused(
    tab: Tab, chatbot: str
) -> None:
    page = tab.page
    await tab.go(f"{chatbot}/examples")
    await page.get_by_role("button", name="Import").click()
    form = page.get_by_role("dialog", name="Import examples")
    table = {
        "name": "desk.csv",
        "mimeType": "text/csv",
        "buffer": b"text,intent\nopen?,hours\nhow much?,price\n",
    }
    await form.get_by_label("File", exact=True).set_input_files(table)  # type: ignore[arg-type]
    await form.get_by_label("Its name").press_sequentially("Fresh")
    await expect(form.get_by_label("Into a new dataset")).to_be_checked()

    await form.get_by_label("Into Harbour").check()
    tab.expect("400 (Bad Request)")
    await form.get_by_role("button", name="Import").click()
    await expect(form.get_by_role("alert")).to_contain_text("leave the name empty")
    await form.get_by_label("Into a new dataset").check()
    await form.get_by_role("button", name="Import").click()
    await page.get_by_role("link", name="Look at the examples").click()

    await expect(page.locator("#dataset option:checked")).to_have_text("Fresh (2)")
    await expect(page.locator(".example-text").filter(has_text="how much?")).to_be_visible()
