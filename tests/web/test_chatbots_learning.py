"""The pages where chatbots learn: examples in, trainings read, versions out and back."""

import asyncio
import re
from typing import Any

import httpx
import msgspec
import pytest

from botyard.features.chatbots import artifacts, conversations, datasets, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.content import Content, Reply, Rule
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.lint import Lint
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from botyard.features.chatbots.nlu.process import Trainer
from botyard.features.chatbots.nlu.report import (
    Candidate,
    Confused,
    Confusion,
    IntentFigures,
    Report,
    Scope,
    ScopePoint,
    Suggestion,
)
from botyard.kit import clock, ids
from tests.contracts.running import Running
from tests.web.person import Html, People, Person
from tests.web.test_pages import assert_whole

WAIT_S = 20
PAGES = ("/examples", "/training", "/versions", "/versions/compare")


async def make_chatbot(ada: Person) -> str:
    """The path of a new chatbot's pages."""
    reply = await ada.do("/chat", name="Harbour", template="")
    return str(reply.headers["hx-redirect"])


async def make_dataset(running: Running, ada: Person, path: str, *examples: tuple[str, str]) -> str:
    """The chatbot's dataset with these texts and intents."""
    reply = await ada.do(f"{path}/examples/datasets", name="Desk", language="en")
    dataset_id = str(reply.headers["hx-redirect"]).rpartition("=")[2]
    async with running.db.session() as session:
        new = [NewExample(text=text, intent=intent) for text, intent in examples]
        await datasets.add_examples(session, dataset_id, owner_id=ada.id, examples=new)
    return dataset_id


def numbers(page: Html) -> dict[str, str]:
    """Ids of the examples on a page by the labels of their boxes."""
    return {
        str(box["aria-label"]).removeprefix("Choose: "): str(box["value"])
        for box in page.of("input")
        if box.get("name") == "id"
    }


@pytest.mark.parametrize("page", PAGES)
async def test_empty_pages_are_whole(ada: Person, page: str) -> None:
    path = await make_chatbot(ada)
    assert_whole(await ada.look(path + page))


async def test_who_looks_at_examples_or_trainings_will_train_soon(ada: Person, running: Running) -> None:
    told = []

    class Listening(Trainer):
        def expect(self) -> None:
            told.append(self)

    path = await make_chatbot(ada)
    await make_dataset(running, ada, path)
    own = running.db.parts.get(Trainer)
    running.db.parts.add(Listening(), kind=Trainer)
    try:
        for number, page in enumerate(("/training", "/examples", "/versions"), 1):
            await ada.look(path + page)
            assert len(told) == min(number, 2)
    finally:
        running.db.parts.add(own, kind=Trainer)


async def test_examples_are_added_found_edited_moved_and_merged(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    dataset = await make_dataset(running, ada, path)
    lines = "a table in [Rome](city)\r\nbook a table\r\n\r\nBook  a table"
    await ada.do(f"{path}/examples/add", dataset=dataset, intent="book", lines=lines)
    await ada.do(f"{path}/examples/add", dataset=dataset, intent="leave", lines="bye <b>now</b>")

    page = await ada.look(f"{path}/examples")
    assert_whole(page)
    assert ("2 intents" in page.text, "a table in Rome city" in page.text) == (True, True)
    found = numbers(await ada.look(f"{path}/examples?q=TABLE&sort=text"))
    assert list(found) == ["a table in Rome", "book a table"]

    rome = found["a table in Rome"]
    form = Html((await ada.http.get(f"{path}/examples/{rome}/edit?dataset={dataset}")).text)
    assert form.value(f"marks-{rome}") == '[{"start":11,"end":15,"entity":"city"}]'
    marks = '[{"start": 3, "end": 8, "entity": "town"}]'
    fields = {"dataset": dataset, "text": "in Paris", "intent": "book", "entities": marks}
    assert "Paris" in (await ada.do(f"{path}/examples/{rome}", **fields)).text
    wrong = await ada.send(f"{path}/examples/{rome}", **fields | {"text": "in"})
    assert (wrong.status_code, "outside of its text" in wrong.text) == (400, True)

    many = {"dataset": dataset, "id": [rome, found["book a table"]], "back": f"{path}/examples?intent=book"}
    moved = await ada.do(f"{path}/examples/many", **many, act="move", intent="reserve")
    assert moved.headers["hx-redirect"] == f"{path}/examples?intent=book"
    elsewhere = await ada.do(
        f"{path}/examples/many", **many | {"back": "//evil.example"}, act="move", intent="x"
    )
    assert elsewhere.headers["hx-redirect"] == f"{path}/examples?dataset={dataset}"
    await ada.do(f"{path}/examples/intents/merge", dataset=dataset, intent=["x", "leave"], into="all")
    await ada.do(f"{path}/examples/many", dataset=dataset, id=[rome], act="delete")
    listed = await ada.look(f"{path}/examples?intent=all")
    assert set(numbers(listed)) == {"book a table", "bye <b>now</b>"}


async def test_a_file_is_imported_with_a_report_and_goes_out_again(ada: Person) -> None:
    path = await make_chatbot(ada)
    headers = {"HX-Request": "true", "HX-Source": "form#import-form", "Origin": ada.url}

    async def upload(name: str, data: bytes) -> httpx.Response:
        files = {"file": (name, data)}
        return await ada.http.post(f"{path}/examples/import", files=files, headers=headers)

    refused = await upload("photo.csv", b"\x89PNG\r\n\x1a\n\x00\x00")
    assert (refused.status_code, "#import-form-error" in refused.text) == (400, True)
    table = b"text,intent,mood\nopen?,hours,good\nwhen open?,hours,good\nhow much?,price,\n,price,\n"
    job = (await upload("desk.csv", table)).headers["hx-redirect"].rpartition("/")[2]
    bot_id = path.rpartition("/")[2]
    async with asyncio.timeout(WAIT_S), ada.live(f"/live/chatbot-import?bot={bot_id}&job={job}") as stream:
        told = await stream.until("Train on it")
    assert re.search(r"3 examples</b> of 2 intents", told)
    assert ("column mood" in told, "Did not arrive" in told) == (True, True)
    assert_whole(await ada.look(f"{path}/examples/imports/{job}"))

    page = await ada.look(f"{path}/examples")  # the chatbot had nothing to learn from: it takes this
    assert set(numbers(page)) == {"open?", "when open?", "how much?"}
    dataset = re.search(r"ds_\w+", page.source)
    assert dataset is not None
    out = await ada.http.get(f"{path}/examples/export?format=csv&dataset={dataset[0]}")
    assert (out.headers["content-type"], out.text.count("\r\n")) == ("text/csv; charset=utf-8", 4)
    other = await make_chatbot(ada)
    await ada.look(f"{other}/examples/imports/{job}", status=404)


async def test_what_is_wrong_with_examples_is_mended_at_one_click(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    texts = [("hi", "greet"), ("Hi", "greet"), ("open", "hours"), ("open", "price")]
    dataset = await make_dataset(running, ada, path, *texts)
    page = await ada.look(f"{path}/examples/check")
    assert_whole(page)
    assert "Remove all duplicates" in page.text
    assert "Keep in price" in page.text

    await ada.do(f"{path}/examples/check/duplicates", dataset=dataset)
    await ada.do(f"{path}/examples/check/keep", dataset=dataset, text="open", intent="price")

    mended = await ada.look(f"{path}/examples/check")
    assert "Remove all duplicates" not in mended.text
    assert "Keep in" not in mended.text
    assert set(numbers(await ada.look(f"{path}/examples?intent=price"))) == {"open"}


def report(f1: float) -> Report:
    """What a training says that took one of five openings for a price."""
    points = {
        name: ScopePoint(threshold=at, kept=1 - at, wrong_refused=at, strange_refused=at * 2)
        for name, at in (("strict", 0.3), ("balanced", 0.2), ("lenient", 0.1))
    }
    texts = [Confused(text="open & cheap?", confidence=0.61)]
    return Report(
        accuracy=f1,
        macro_f1=f1,
        recipe="tfidf",
        encoder="",
        examples=20,
        intents=2,
        seconds=0.4,
        measured="held_out",
        measured_on=10,
        per_intent=[
            IntentFigures(intent="hours", examples=10, support=5, precision=1.0, recall=0.8, f1=f1),
            IntentFigures(intent="price", examples=10, support=5, precision=0.8, recall=1.0, f1=0.95),
            IntentFigures(intent="thanks", examples=1, support=0, precision=None, recall=None, f1=None),
        ],
        confusions=[Confusion(intent="hours", taken_for="price", count=1, texts=texts)],
        scope=Scope(
            chosen="balanced",
            points=points,
            curve=list(points.values()),
            known=10,
            strange=8,
            strange_from=["scrambled"],
        ),
        candidates=[Candidate(recipe="tfidf", accuracy=0.9, macro_f1=0.9, seconds=0.1, chosen=True)],
        slots=None,
        lint=Lint(ready=True, examples=20, intents={}, languages={}, counts={}, findings=[]),
        suggestions=[Suggestion(kind="confused", message="Tell them apart.", intents=["hours", "price"])],
        timings={},
    )


async def train(running: Running, ada: Person, path: str, f1: float) -> str:
    """A training that has ended, as its job leaves it; answers its id."""
    bot_id, training_id = path.rpartition("/")[2], ids.new("train")
    told = await artifacts.put(running.db, ada.id, msgspec.json.encode(report(f1)))
    own: dict[str, Any] = {"owner_id": ada.id, "chatbot_id": bot_id, "created_at": clock.now()}
    async with running.db.session() as session:
        await chatbots.hold(session, bot_id)
        model_id = ids.new("model")
        session.add(
            ModelVersion(
                **own,
                id=model_id,
                number=await versions.next_model_number(session, bot_id),
                training_id=training_id,
                snapshot="",
                artifact="0" * 64,
                report=told,
                metrics={"accuracy": f1, "macro_f1": f1, "examples": 20},
            )
        )
        session.add(
            TrainingJob(
                **own,
                id=training_id,
                dataset_id=None,
                snapshot="",
                state="completed",
                error="",
                options={},
                job_id=None,
                model_id=model_id,
                completed_at=clock.now(),
            )
        )
    return training_id


async def test_a_training_whose_model_was_let_go_says_so(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    first, *_ = [await train(running, ada, path, 0.9) for _ in range(versions.KEPT_MODELS + 1)]
    async with running.db.session() as session:
        assert await versions.let_go_models(session, path.rpartition("/")[2]) == 1

    page = await ada.look(f"{path}/training/{first}")
    assert "Its model is gone: it was deleted, or let go" in page.text
    assert_whole(page)


async def test_a_model_is_deleted_where_no_version_needs_it(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    first, second, third = [await train(running, ada, path, f1) for f1 in (0.7, 0.8, 0.9)]
    await ada.do(f"{path}/versions/freeze", note="")  # of the third
    page = await ada.look(f"{path}/training")
    assert "in version 1" in page.text
    assert [link["aria-label"] for link in page.of("a") if str(link["href"]).endswith("#delete-model")] == [
        "Delete model 2",
        "Delete model 1",
    ]
    bot_id = path.rpartition("/")[2]
    async with ada.live(f"/live/chatbot-trainings?bot={bot_id}") as stream:
        await ada.do(f"{path}/training/{second}/delete-model")
        assert "No model" in await stream.until("No model")

    listed = await ada.look(f"{path}/training")
    assert "Model 2 is deleted." in listed.text
    assert "Its model is gone: it was deleted" in (await ada.look(f"{path}/training/{second}")).text
    assert "since model 1" in (await ada.look(f"{path}/training/{third}")).text
    assert (await ada.send(f"{path}/training/{second}/delete-model")).status_code == 404
    refused = await ada.send(f"{path}/training/{third}/delete-model")
    assert (refused.status_code, "Model 3 is part of version 1" in refused.text) == (409, True)
    assert "delete-model" not in (await ada.look(f"{path}/training/{third}")).source
    shown = await ada.look(f"{path}/training/{first}")
    assert "Nothing answers with it." in shown.text
    assert_whole(shown)


async def test_a_first_line_that_was_taken_for_a_header_is_added_with_one_click(ada: Person) -> None:
    path = await make_chatbot(ada)
    table = b"Kundentext,Absicht\nopen?,hours\nwhen open?,hours\n"
    sent = await ada.http.post(
        f"{path}/examples/import",
        files={"file": ("desk.csv", table)},
        headers={"HX-Request": "true", "HX-Source": "form#import-form", "Origin": ada.url},
    )
    job = sent.headers["hx-redirect"].rpartition("/")[2]
    live = f"/live/chatbot-import?bot={path.rpartition('/')[2]}&job={job}"
    async with asyncio.timeout(WAIT_S), ada.live(live) as stream:
        assert "The first line was taken for a header" in await stream.until("Train on it")
    assert set(numbers(await ada.look(f"{path}/examples"))) == {"open?", "when open?"}

    page = await ada.look(f"{path}/examples/imports/{job}")
    assert "first line Kundentext, Absicht" in page.text
    sent_by_click = {
        field["name"]: field["value"] for field in page.of("input") if field.get("type") == "hidden"
    }
    await ada.do(f"{path}/examples/add", **sent_by_click)

    assert set(numbers(await ada.look(f"{path}/examples"))) == {"open?", "when open?", "Kundentext"}


async def test_people_see_what_their_chatbots_keep_and_what_to_do_when_it_is_too_much(
    ada: Person, admin: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    own = {"service": "botyard", "key": "chatbot_storage_mb", "kind": "number"}
    await admin.do("/settings/set", **own, value="1")
    try:
        await artifacts.put(running.db, ada.id, b"m" * 1024**2)
        shown = (await ada.look(f"{path}/training")).text.replace("\u00a0", " ")
        assert "take 1.0 MiB of 1.0 MiB" in shown
        headers = {"HX-Request": "true", "HX-Source": "form#import-form", "Origin": ada.url}
        refused = await ada.http.post(
            f"{path}/examples/import",
            files={"file": ("a.csv", b"text,intent\nopen?,hours\n")},
            headers=headers,
        )
        assert (refused.status_code, "Delete models or chatbots that are not needed" in refused.text) == (
            400,
            True,
        )
    finally:
        await admin.do("/settings/set", **own, value="2048")


async def test_a_report_says_what_was_confused_and_what_changed(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    older = await train(running, ada, path, 0.9)
    training_id = await train(running, ada, path, 0.7)
    page = await ada.look(f"{path}/training/{training_id}")
    assert "Deploy model 2" in page.text
    former = (await ada.look(f"{path}/training/{older}")).text
    assert ("Deploy model" in former, "Model 2 is newer" in former) == (False, True)
    assert_whole(page)
    cells = [link for link in page.of("a") if link.get("href") == "#pair-0"]
    assert [cell["aria-label"] for cell in cells] == ["hours taken for price: 1 of 5"]
    assert "open & cheap?" in page.text
    assert "-20.0 since model 1" in page.text
    assert len(page.of("circle")) == 3

    def order(html: Html) -> list[str]:
        return re.findall(r"intent=(\w+)", html.source.partition('id="figures"')[2])

    assert order(page) == ["hours", "price", "thanks"]
    assert order(await ada.look(f"{path}/training/{training_id}?sort=-f1")) == ["price", "hours", "thanks"]
    alone = await ada.look(f"{path}/training/{training_id}?about=thanks")
    assert "#pair-0" not in alone.source
    listed = await ada.look(f"{path}/training")
    assert ("Model 2" in listed.text, "70.0" in listed.text) == (True, True)
    await ada.look(f"{await make_chatbot(ada)}/training/{training_id}", status=404)


async def write(running: Running, ada: Person, path: str, response: str) -> None:
    """Let the draft answer `open` by this response."""
    content = Content(
        responses={response: [Reply(text="Till ten.")]}, rules=[Rule(phrase="open", response=response)]
    )
    async with running.db.session() as session:
        await chatbots.update(session, path.rpartition("/")[2], owner_id=ada.id, type="rule")
        await chatbots.save_content(session, path.rpartition("/")[2], content, owner_id=ada.id)


async def deploy(ada: Person, path: str) -> Html:
    """Deploy the draft; what the review said before."""
    review = str((await ada.do(f"{path}/versions/freeze", note="")).headers["hx-redirect"])
    page = await ada.look(review)
    await ada.do(review, note="Now")
    return page


async def test_before_a_version_goes_out_intents_without_an_answer_are_named(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    await make_dataset(running, ada, path, ("Open?", "hours"), ("How much?", "price"))
    await train(running, ada, path, 0.9)

    review = (await deploy(ada, path)).text

    assert "Nothing speaks against it" not in review
    assert "2 intents have no answer: who means hours, price hears that none was found" in review


async def test_the_inbox_offers_to_deploy_what_was_learned_until_it_answers(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    for f1 in (0.8, 0.9):
        await train(running, ada, path, f1)
    before = await ada.look(f"{path}/inbox")

    await deploy(ada, path)

    after = await ada.look(f"{path}/inbox")
    assert "What the last training changed" in before.text
    assert ("Deploy it" in before.text, "Deploy it" in after.text) == (True, False)
    assert "People talk with it already." in after.text


async def test_the_overview_leads_there_where_most_of_what_people_mean_has_no_answer(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    await make_dataset(running, ada, path, ("Open?", "hours"), ("How much?", "price"))
    await train(running, ada, path, 0.9)

    led = await ada.send(f"{path}/deploy", form="deploy-form", note="")

    assert "2 intents have no answer" in (await ada.look(str(led.headers["hx-redirect"]))).text
    assert "Version 1 answers" not in (await ada.look(f"{path}/versions")).text


async def test_a_version_goes_out_after_what_speaks_against_it_was_shown_and_back(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    await write(running, ada, path, "hours")
    assert "Roll back" not in (await ada.look(f"{path}/versions")).text
    assert "Nothing speaks against it" in (await deploy(ada, path)).text
    chat = running.db.parts.get(ChatRuntime)
    talk = await conversations.start(chat, path.rpartition("/")[2], owner_id=ada.id)
    await conversations.send(chat, talk.id, owner_id=ada.id, text="Open?")
    await ada.do(f"{path}/golden", conversation=f"https://here/chat/x/conversations/{talk.id}", name="Hours")
    assert (await ada.send(f"{path}/golden", conversation="conv_nobody")).status_code == 404

    await write(running, ada, path, "times")
    review = await deploy(ada, path)

    assert_whole(review)
    assert "“Hours” changes" in review.text
    assert "Deploy all the same" in review.text
    page = await ada.look(f"{path}/versions")
    assert_whole(page)
    assert "1 warning" in page.text
    assert "Roll back to version 1" in page.text
    assert_whole(await ada.look(f"{path}/versions/compare"))
    back = await ada.do(f"{path}/versions/roll-back", environment="production")
    assert back.headers["hx-redirect"] == f"{path}/versions"
    after = (await ada.look(f"{path}/versions")).text
    assert re.search(r"Version 1 rolled back now", after)
    assert "Roll back to" not in after  # nothing lies below the first


async def test_before_a_version_goes_out_what_is_broken_in_it_is_named_with_the_way_there(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    content = Content(rules=[Rule(phrase=f"open {number}", response="gone") for number in range(5)])
    async with running.db.session() as session:
        await chatbots.update(session, path.rpartition("/")[2], owner_id=ada.id, type="rule")
        await chatbots.save_content(session, path.rpartition("/")[2], content, owner_id=ada.id)

    led = str((await ada.send(f"{path}/deploy", form="deploy-form", note="")).headers["hx-redirect"])
    review = await ada.look(led)

    assert_whole(review)
    assert "Rule 1: It says the response gone, which does not exist." in review.text
    assert f"{path}/flows/rules" in [link.get("href") for link in review.of("a")]
    assert "Nothing speaks against it" not in review.text
    await ada.do(led, note="Now")
    overview = await ada.look(path)
    assert_whole(overview)
    assert "Rule 3: It says" in overview.text
    assert "2 more warnings" in overview.text
    assert "Rule 4: It says" not in overview.text


async def test_the_way_back_passes_the_same_version_deployed_once_more(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    for response in ("hours", "times", "times"):
        await write(running, ada, path, response)
        await deploy(ada, path)

    assert "Roll back to version 1" in (await ada.look(f"{path}/versions")).text


async def test_answers_are_split_by_weight_in_an_environment_of_its_own(
    ada: Person, running: Running
) -> None:
    path = await make_chatbot(ada)
    for response in ("hours", "times"):
        await write(running, ada, path, response)
        await deploy(ada, path)
    async with running.db.reader() as session:
        two, one = await versions.list_versions(session, path.rpartition("/")[2])
    split = {"environment": "beta", "version": [two.id, one.id, ""], "weight": ["3", "1", ""]}
    await ada.do(f"{path}/versions/split", **split)
    page = await ada.look(f"{path}/versions?environment=beta")
    assert ("75% of new conversations" in page.text, "Version 1 25%" in page.text) == (True, True)
    wrong = await ada.send(f"{path}/versions/split", **split | {"weight": ["3", "many", ""]})
    assert wrong.status_code == 400
    assert (await ada.send(f"{path}/versions/environment", environment="a b")).status_code == 400


async def test_what_others_teach_is_not_there(ada: Person, people: People, running: Running) -> None:
    path = await make_chatbot(ada)
    dataset = await make_dataset(running, ada, path, ("hi", "greet"))
    stranger = await people.join()
    own = await make_chatbot(stranger)
    for page in PAGES:
        await stranger.look(path + page, status=404)
    await stranger.look(f"{own}/examples?dataset={dataset}", status=404)
    await stranger.look(f"{own}/examples/check?dataset={dataset}", status=404)
    await stranger.look(f"{own}/examples/export?format=csv&dataset={dataset}", status=404)
    for act in ("add", "use", "dataset/delete", "check/duplicates"):
        reply = await stranger.send(f"{own}/examples/{act}", dataset=dataset, intent="x", lines="x")
        assert reply.status_code == 404, act
    assert (await stranger.http.get(f"/live/chatbot-versions?bot={path[6:]}")).status_code == 404
