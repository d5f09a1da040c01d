"""Where a chatbot talks, on the dashboard: trying it out, conversations with people, the inbox, the figures."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from botyard.core.accounts.types import Kind, Principal, Role
from botyard.features.chatbots import beginnings, conversations, datasets, golden, inbox
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.clusters import Grouping
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.runtime.ports import OnToken, Talk
from botyard.features.chatbots.runtime.types import ModelSaid
from botyard.web.chatbots import talking
from tests.contracts.running import Running
from tests.web.person import Html, People, Person
from tests.web.test_pages import assert_whole

WAIT_S = 15
EVIL = "<script>alert(1)</script><hx-partial hx-target='body'>gone</hx-partial>"
SHOP: dict[str, Any] = {
    "responses": {
        "hi": [
            {"text": "Welcome.", "buttons": [{"title": "Hours", "intent": "hours"}, {"title": "Nothing"}]}
        ],
        "open": [{"text": "Nine to five."}],
    },
    "intents": {"hours": {"response": "open"}},
    "rules": [{"words": ["open"], "response": "open"}],
    "settings": {
        "greeting": "hi",
        "model": {"provider": "openai", "url": "http://127.0.0.1:9", "model": "m"},
    },
}


class Desk:
    """Somebody's chatbot, on the dashboard and behind it."""

    def __init__(self, running: Running, person: Person) -> None:
        self.running, self.person, self.id, self.path = running, person, "", ""
        self.chat = running.db.parts.get(ChatRuntime)
        running.db.parts.add(Grouping(lambda: None))  # loading an encoder takes seconds

    async def make(self, name: str = "Corner shop") -> None:
        who = Principal(kind=Kind.cookie, user_id=self.person.id, role=Role.user)
        async with self.running.db.session() as session:
            made = await beginnings.begin(
                session, owner_id=self.person.id, name=name, content=SHOP, actor=who
            )
        self.id, self.path = made.id, f"/chat/{made.id}"

    async def look(self, tab: str = "") -> Html:
        return await self.person.look(f"{self.path}{tab}")

    async def do(self, tab: str, **fields: Any) -> Html:
        return Html((await self.person.do(f"{self.path}{tab}", **fields)).text)

    async def visitor(self, *said: str) -> Conversation:
        """A conversation that somebody else holds."""
        talk = await conversations.start(self.chat, self.id, owner_id=self.person.id)
        for text in said:
            await conversations.send(self.chat, talk.id, owner_id=self.person.id, text=text)
        return talk

    async def open_ids(self) -> list[int]:
        found = await inbox.list_open(self.chat.reader, self.id, owner_id=self.person.id)
        return [one.id for one in found]


@pytest.fixture
async def desk(running: Running, ada: Person, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A shop with a rule and a greeting, of ada's; no language model answers unless the test brings one.

    However long an answer takes here, it comes in one piece, unless the test asks for a stream.
    """
    monkeypatch.setattr(talking, "SOON_S", WAIT_S)
    desk = Desk(running, ada)
    before = desk.chat.language_model
    desk.chat.language_model = None
    await desk.make()
    yield desk
    desk.chat.language_model = before


async def test_a_fresh_chatbot_says_what_comes_next_until_people_talk_with_it(desk: Desk) -> None:
    fresh = await desk.look()
    assert "1 of 6 done" in fresh.text  # a rule is written
    assert "Nobody has talked with it yet" in fresh.text
    await desk.do("/try", text="open?")
    assert "2 of 6 done" in (await desk.look()).text

    await desk.do("/deploy", note="First one")
    deployed = await desk.look()
    await desk.visitor("open?", "xyz")
    talked = await desk.look("?days=7&measure=messages")

    assert "3 of 6 done" in deployed.text
    assert "Version 1 Deployed" in deployed.text
    assert "The draft is the same." in deployed.text
    assert "of 6 done" not in talked.text
    assert "Conversations 1 Messages 5 2 from users" in talked.text
    assert "Not understood 50.0%" in talked.text
    for page in (fresh, deployed, talked):
        assert_whole(page)


async def test_answers_to_the_lesser_part_of_what_people_mean_are_not_enough_to_begin_with(
    desk: Desk,
) -> None:
    assert "Write what it says to what people mean." in (await desk.look()).text
    made = await desk.person.do(f"{desk.path}/examples/datasets", name="Shop", language="en")
    dataset_id = str(made.headers["hx-redirect"]).rpartition("=")[2]
    new = [
        NewExample(text=f"{name} {word}", intent=name) for name in ("close", "pay", "send") for word in "ab"
    ]
    async with desk.running.db.session() as session:
        await datasets.add_examples(session, dataset_id, owner_id=desk.person.id, examples=new)

    looked = await desk.look()

    assert "People mean 4 things; it has no answer to 3 of them." in looked.text
    assert "1 of 6 done" in looked.text  # it was taught, and its answers are not enough any more


async def test_what_speaks_against_a_deployment_is_read_before_it_answers_anybody(desk: Desk) -> None:
    talk = await desk.visitor("open?")
    async with desk.running.db.session() as session:
        await golden.make(session, desk.chat.reader, desk.id, talk.id, owner_id=desk.person.id, name="Hours")
    await desk.do("/deploy", note="As it was")
    async with desk.running.db.session() as session:
        changed = contents.read({**SHOP, "rules": []})
        await chatbots.save_content(session, desk.id, changed, owner_id=desk.person.id)

    reply = await desk.person.send(f"{desk.path}/deploy", form="deploy-form", note="Without its rule")

    versions = await desk.look("/versions")
    assert "Version 1 answers" in versions.text
    assert "Version 2" in versions.text
    review = await desk.person.look(reply.headers["hx-redirect"])
    assert "Golden conversation “Hours” changes" in review.text
    assert "Deploy all the same" in review.text


async def test_trying_out_shows_why_and_goes_on_where_it_was(desk: Desk) -> None:
    assert "Nothing was said yet" in (await desk.look("/try")).text

    said = await desk.do("/try", text="When are you open?")
    missed = await desk.do("/try", text="xyz")

    assert "When are you open? Nine to five." in said.text
    assert "A rule fits." in said.text
    assert "Say the response open" in said.text
    assert "Nothing that was written or trained fits." in missed.text
    again = await desk.look("/try")
    assert_whole(again)
    assert "Nine to five." in again.text
    await desk.do("/try/reset")
    assert "Nine to five." not in (await desk.look("/try")).text
    empty = await desk.person.send(f"{desk.path}/try", form="composer", text=" ")
    assert (empty.status_code, "Write something first." in empty.text) == (400, True)


async def test_buttons_of_the_last_answer_can_be_chosen(desk: Desk) -> None:
    await desk.do("/try/begin")
    page = await desk.look("/try")
    offered = [button for button in page.of("button") if button.get("name") == "choice"]
    assert [button["value"] for button in offered] == ["0", "1"]

    said = await desk.do("/try", text="", choice="0")

    assert "A button was chosen." in said.text
    assert "Nine to five." in said.text
    assert not [button for button in said.of("button") if button.get("name") == "choice"]


async def test_a_version_is_tried_as_it_was_frozen(desk: Desk) -> None:
    await desk.do("/deploy", note="")
    page = await desk.look("/try")
    version = next(str(one["value"]) for one in page.of("option") if str(one.get("value")).startswith("ver_"))

    await desk.do("/try", text="open?", version=version)

    assert "Nine to five." in (await desk.look(f"/try?version={version}")).text
    assert "Nine to five." not in (await desk.look("/try")).text
    await desk.person.look(f"{desk.path}/try?version=ver_nobody", status=404)


class Slow:
    """A language model that says two words, and waits in between."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def reply(self, talk: Talk, *, on_token: OnToken | None = None) -> ModelSaid:
        assert on_token is not None
        on_token("<b>Well")
        await self.goes_on.wait()
        on_token(", then")
        return ModelSaid(text="<b>Well, then")

    async def commands(self, talk: Talk) -> list[object]:
        return []


async def test_words_of_a_language_model_come_as_it_makes_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "SOON_S", 0)
    slow = desk.chat.language_model = Slow()
    headers = {"HX-Request": "true", "Origin": desk.person.url}
    data = {"text": "Tell me something"}
    frames: list[str] = []

    async with (
        asyncio.timeout(WAIT_S),
        desk.person.http.stream("POST", f"{desk.path}/try", data=data, headers=headers) as reply,
    ):
        async for line in reply.aiter_lines():
            frames.append(line)
            if "&lt;b&gt;Well" in line and not slow.goes_on.is_set():
                assert "then" not in line
                slow.goes_on.set()

    assert "text/event-stream" in reply.headers["content-type"]
    assert any("An answer is being made" in line for line in frames)
    assert "&lt;b&gt;Well, then" in "".join(frames)
    assert "the language model" in (await desk.look("/try")).text


async def test_a_reply_that_fails_in_the_middle_says_so_where_it_was_awaited(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "SOON_S", 0)

    async def fails(*_arguments: Any, on_token: OnToken, **_options: Any) -> None:
        on_token("Well")
        await asyncio.sleep(0.05)  # longer than talking.SOON_S
        raise ZeroDivisionError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(conversations, "send", fails)
        said = await desk.do("/try", text="Tell me something")

    assert "Something went wrong on the server" in said.text
    assert "An answer is being made" in said.text
    assert "An answer is being made" not in (await desk.look("/try")).text


async def test_a_person_takes_over_answers_and_gives_back(desk: Desk) -> None:
    await desk.visitor("open?")
    talk = await desk.visitor("I want a human")
    lists = await desk.look("/conversations")
    assert_whole(lists)
    assert "Conversations 1 waiting" in lists.text
    assert "1 waits for a person" in lists.text
    one = f"/conversations/{talk.id}"

    refused = await desk.person.send(f"{desk.path}{one}/reply", form="reply", text="Hello")
    async with asyncio.timeout(WAIT_S), desk.person.live(f"/live/chatbot-conversation?bot={desk.id}&conversation={talk.id}") as live:  # fmt: skip
        await desk.do(f"{one}/attend")
        await live.until("Answer as a person")
        await desk.do(f"{one}/reply", text=f"Hello, {EVIL}")
        await live.until("A person")
    attended = await desk.look(one)
    await desk.do(f"{one}/return")
    await desk.do(f"{one}/close")
    closed = await desk.look(one)

    assert refused.status_code == 409
    assert_whole(attended)
    assert EVIL in attended.text
    assert "Answered by you" in attended.text
    assert "gave the conversation back" in closed.text
    assert "The conversation has ended" in closed.text
    assert "Conversations 1 waiting" not in closed.text
    assert "Closed" in (await desk.look("/conversations?status=closed")).text
    assert "None in this state" in (await desk.look("/conversations?status=attended")).text


async def test_a_trial_says_that_a_person_would_be_called_and_calls_nobody(desk: Desk) -> None:
    said = await desk.do("/try", text="I want a human")
    missed = await desk.do("/try", text="xyz")
    lists = await desk.look("/conversations")
    [href] = [str(link["href"]) for link in lists.of("a") if "/conversations/conv_" in str(link.get("href"))]
    one = await desk.person.look(href)

    would = "With a real user, a person would be called now: the user asked for one. This is a trial, so nobody is."
    assert would in said.text
    assert "begin anew to go on" in missed.text
    assert "Trial" in lists.text
    assert "for a person" not in lists.text
    assert "Conversations 1 waiting" not in lists.text
    assert "A trial: it calls nobody." in one.text
    assert "Nothing to look through" in (await desk.look("/inbox")).text
    for page in (lists, one, await desk.look("/try")):
        assert_whole(page)


async def test_a_visitor_of_a_widget_is_listed_by_a_short_name(desk: Desk) -> None:
    """The widget knows them by a long hash, which would push everything else off the list."""
    visitor = "ch_1:" + "0123456789abcdef" * 4
    await conversations.start(
        desk.chat, desk.id, owner_id=desk.person.id, channel="widget", external_id=visitor
    )

    page = (await desk.look("/conversations")).text

    assert "Visitor ABCDEF" in page
    assert visitor not in page


async def test_a_conversation_is_held_again_with_another_version(desk: Desk) -> None:
    talk = await desk.visitor("open?")

    same = await desk.person.look(f"{desk.path}/conversations/{talk.id}/replay")

    assert "With the draft it goes the same way" in same.text


async def test_one_click_labels_what_was_said_alike_and_another_dismisses(desk: Desk) -> None:
    await desk.visitor("Where is your shop?", "where is  your shop?", EVIL)
    page = await desk.look("/inbox")
    assert_whole(page)
    assert EVIL in page.text
    assert "Inbox 3 to look at" in page.text
    ticked = [str(box["value"]) for box in page.of("input") if box.get("name") == "message"]
    assert sorted(len(line.split(",")) for line in ticked) == [1, 2]
    two = next(line for line in ticked if "," in line)

    nothing = await desk.person.send(f"{desk.path}/inbox/label", form="cluster-1-form", intent="find_us")
    unnamed = await desk.person.send(f"{desk.path}/inbox/label", form="cluster-1-form", message=two)
    done = await desk.do("/inbox/label", message=two, cluster=two.split(",")[0], intent="find_us")
    left = await desk.open_ids()
    await desk.do("/inbox/label", message=str(left[0]), act="dismiss")

    assert (nothing.status_code, unnamed.status_code, len(left)) == (400, 400, 1)
    assert "2 messages mean find_us ; 1 of them was new to the examples" in done.text
    assert "Nothing answers this intent yet" in done.text
    assert "Train now" in done.text
    assert await desk.open_ids() == []
    assert "Nothing to look through" in (await desk.look("/inbox")).text


async def test_who_labels_what_somebody_else_has_labelled_is_told_so(desk: Desk) -> None:
    await desk.visitor("Where are you?", "Where is it?")
    first, second = map(str, await desk.open_ids())
    await desk.do("/inbox/label", message=first, cluster=first, intent="find_us")

    partly = await desk.do("/inbox/label", message=[first, second], cluster=first, intent="hours")
    late = await desk.do("/inbox/label", message=[first, second], cluster=first, intent="opening")
    dismissed = await desk.do("/inbox/label", message=first, cluster=first, act="dismiss")

    assert "1 message means hours . Somebody has looked at the other one already." in partly.text
    assert "Somebody has looked at these already. Nothing was changed." in late.text
    assert "Somebody has looked at this already. Nothing was changed." in dismissed.text
    for told in (late, dismissed):
        assert ("0 messages" in told.text, "Nothing answers" in told.text) == (False, False)
        assert 'class="warn"' in told.source


async def test_an_answer_marked_as_wrong_goes_to_the_inbox(desk: Desk) -> None:
    await desk.do("/try", text="open?")
    page = await desk.look("/try")
    answer = next(str(field["value"]) for field in page.of("input") if field.get("name") == "message")

    told = await desk.do("/try/wrong", message=answer)

    assert "What was asked is in the inbox now." in told.text
    assert len(await desk.open_ids()) == 1
    assert "in a trial" in (await desk.look("/inbox")).text


async def test_what_is_said_to_a_chatbot_is_nobody_else_s_business(
    desk: Desk, people: People, admin: Person
) -> None:
    talk = await desk.visitor("xyz")
    one = f"/conversations/{talk.id}"
    bob = await people.join()

    for stranger in (bob, admin):
        for tab in ("", "/try", "/conversations", one, f"{one}/replay", "/inbox"):
            await stranger.look(f"{desk.path}{tab}", status=404)
        for act in ("/deploy", "/try", "/try/reset", f"{one}/attend", f"{one}/close", "/inbox/label"):
            sent = await stranger.send(f"{desk.path}{act}", text="x", message="1", intent="y")
            assert sent.status_code == 404, act
        for live in ("", "-try", "-conversations", "-inbox", "-conversation"):
            await stranger.look(f"/live/chatbot{live}?bot={desk.id}&conversation={talk.id}", status=404)


async def test_a_conversation_belongs_to_its_chatbot(desk: Desk) -> None:
    talk = await desk.visitor("open?")
    await desk.make("Another")

    await desk.person.look(f"{desk.path}/conversations/{talk.id}", status=404)
