"""What a chatbot begins with, and where the examples of a file go."""

import asyncio

import httpx
import pytest

from botyard.features.chatbots import datasets
from tests.contracts.running import Running
from tests.web.person import Html, Person
from tests.web.test_chatbots_learning import make_chatbot, make_dataset

TABLE = b"text,intent\nopen?,hours\nhow much?,price\n"
WAIT_S = 20


async def upload(ada: Person, path: str, table: bytes = TABLE, **fields: str) -> httpx.Response:
    """Send the form of an import."""
    headers = {"HX-Request": "true", "HX-Source": "form#import-form", "Origin": ada.url}
    files = {"file": ("desk.csv", table)}
    return await ada.http.post(f"{path}/examples/import", data=fields, files=files, headers=headers)


def checked(page: Html, name: str) -> list[str]:
    """Values of the boxes with this name that are chosen when the page opens."""
    return [str(box["value"]) for box in page.of("input") if box.get("name") == name and "checked" in box]


async def test_a_new_chatbot_begins_with_nothing_unless_a_template_is_chosen(ada: Person) -> None:
    page = await ada.look("/chat")
    offered = [str(box["value"]) for box in page.of("input") if box.get("name") == "template"]

    path = await make_chatbot(ada)

    assert (checked(page, "template"), offered[0], len(offered) > 1) == ([""], "", True)
    assert "0 of 6 done" in (await ada.look(path)).text
    assert "Import a file" in (await ada.look(f"{path}/examples")).text


@pytest.mark.parametrize("name", ["Fresh", "  Fresh  "])
async def test_a_name_beside_a_dataset_that_is_there_is_refused_in_the_form(
    ada: Person, running: Running, name: str
) -> None:
    path = await make_chatbot(ada)
    dataset = await make_dataset(running, ada, path, ("hi", "greet"))

    reply = await upload(ada, path, dataset=dataset, name=name)

    async with running.db.reader() as session:
        found, _ = await datasets.list_page(session, owner_id=ada.id, limit=10)
    assert (reply.status_code, "#import-form-error" in reply.text) == (400, True)
    assert "The name is for a new dataset" in reply.text
    assert [(each.name, each.example_count) for each in found] == [("Desk", 1)]


async def test_the_name_of_a_new_dataset_stands_with_the_choice_that_it_is_for(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    dataset = await make_dataset(running, ada, path, ("hi", "greet"))
    page = await ada.look(f"{path}/examples")

    assert checked(page, "dataset") == [dataset]
    (beside,) = [each for each in page.of("div") if "data-selects" in each]
    assert beside["data-selects"] in [box.get("id") for box in page.of("input") if box.get("value") == ""]
    for fields in ({"dataset": dataset, "name": ""}, {"dataset": "", "name": "Fresh"}):
        assert (await upload(ada, path, **fields)).status_code == 200


async def test_an_import_of_one_example_speaks_of_one(ada: Person) -> None:
    path = await make_chatbot(ada)
    reply = await upload(ada, path, b"text,intent\nopen?,hours\n")
    job = reply.headers["hx-redirect"].rpartition("/")[2]
    bot_id = path.rpartition("/")[2]

    async with asyncio.timeout(WAIT_S), ada.live(f"/live/chatbot-import?bot={bot_id}&job={job}") as stream:
        told = await stream.until("Train on it")

    assert "<b>1 example</b> of 1 intent was added" in told
    assert "1 of 1 example" in (await ada.look("/jobs")).text
