"""What a chatbot says and does, in the dashboard: every form keeps what it shows, and two editors never lose a word."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots import templates
from botyard.features.chatbots.content import Content
from botyard.features.chatbots.models import Chatbot
from tests.contracts.running import Running
from tests.web.person import People, Person
from tests.web.sent_forms import fields_of
from tests.web.test_pages import assert_whole

EVIL = "<script>alert(1)</script>{{ 7 * 7 }}"
SAYS = [{"text": "Yes?"}]
# Some of everything that a form can hold.
RICH: dict[str, Any] = {
    "languages": ["de", "fr"],
    "intents": {"greet": {"response": "hello", "title": "Hello", "description": "A greeting."}, "bye": {}},
    "entities": {
        "city": {"values": {"Cape Town": ["Kapstadt", "CPT"], "Bern": []}, "patterns": [r"[A-Z]{2}\d+"], "roles": ["from", "to"]}
    },
    "slots": {
        "size": {"type": "number", "entity": "number", "initial": 3, "description": "How many."},
        "town": {"type": "category", "values": ["Bern", "Cape Town"], "entity": "city"},
        "sure": {"type": "bool"},
        "extras": {"type": "list"},
        "note": {},
        "more": {"type": "any"},
    },
    "responses": {
        "hello": [
            {
                "text": "Hello,\nwhat now? {size}",
                "buttons": [
                    {"title": "Order", "flow": "order", "slots": {"size": 2, "note": "from a button"}},
                    {"title": "Greet", "intent": "greet"},
                    {"title": "Site", "url": "https://example.org"},
                    {"title": "Just this"},
                ],
            },
            {"text": "Hallo!", "language": "de", "channel": "telegram", "image": "https://example.org/a.png"},
        ],
        "ask": SAYS,
        "no": SAYS,
    },
    "flows": [
        {
            "id": "order",
            "name": "Order something",
            "description": "For those\nwho want to order.",
            "intents": ["order", "buy"],
            "when": {"any": [{"slot": "sure", "test": "equals", "value": True}, {"slot": "note"}]},
            "steps": [
                {"do": "say", "id": "say", "response": "hello"},
                {
                    "do": "ask",
                    "id": "ask size",
                    "slot": "size",
                    "response": "ask",
                    "check": {"all": [{"slot": "size", "test": "greater", "value": 0}, {"slot": "size", "test": "less", "value": 20.5}]},
                    "refused": "no",
                    "optional": True,
                    "again": True,
                },
                {"do": "set", "id": "put", "slots": {"size": 4, "sure": False, "extras": ["a", "b"], "note": None, "more": {"a": 1}}},
                {
                    "do": "choose",
                    "id": "choose",
                    "branches": [
                        {"when": {"slot": "town", "test": "one_of", "value": ["Bern", "Cape Town"]}, "next": "call"},
                        {"when": {"slot": "note", "test": "contains", "value": "x & y"}, "next": "end"},
                        {"when": {"all": [{"slot": "sure"}, {"any": [{"slot": "note"}, {"slot": "size"}]}]}, "next": "search"},
                    ],
                    "next": "confirm",
                },
                {"do": "confirm", "id": "confirm", "response": "ask", "no": "ask size"},
                {"do": "call", "id": "call", "flow": "other"},
                {"do": "search", "id": "search", "slot": "note"},
                {"do": "generate", "id": "generate", "prompt": "Be\nkind."},
                {"do": "handover", "id": "handover", "reason": "A sale.", "next": "end"},
            ],
        },
        {"id": "other/flow & co", "intents": ["else"], "steps": [{"do": "say", "id": EVIL, "response": "ask"}]},
        {"id": "other", "steps": [{"do": "handover", "id": "h"}]},
    ],
    "rules": [
        {"words": ["open", "on sunday"], "response": "hello"},
        {"phrase": "Hi there!", "flow": "order"},
    ],
    "settings": {
        "operating_point": "strict",
        "clarify_margin": 0.25,
        "greeting": "hello",
        "handover": {
            "words": ["boss"],
            "intents": ["greet"],
            "after_misses": 2,
            "queued": "ask",
            "hours": {"timezone": "Europe/Berlin", "days": {"0": [["09:00", "12:00"], ["13:00", "17:00"]], "6": [["22:00", "02:00"]]}},
        },
        "model": {"provider": "ollama", "model": "tiny", "prompt": "A\nb", "temperature": 0.5, "max_tokens": 99, "timeout_s": 2.5, "commands": True},
        "guard": {"blocked_words": ["tulip bulb"], "refusal": "no", "max_length": 500, "hide_numbers": False},
    },
}  # fmt: skip
STEPS = [step["id"] for step in RICH["flows"][0]["steps"]]


async def make(running: Running, person: Person, content: Any = None, name: str = "Clinic") -> str:
    """A chatbot of somebody's; answers the address of its pages."""
    async with running.db.session() as session:
        made = await chatbots.create(session, owner_id=person.id, name=name, content=content)
    return f"/chat/{made.id}"


async def content_of(running: Running, path: str) -> Content:
    async with running.db.reader() as session:
        row = await session.get(Chatbot, path.removeprefix("/chat/"))
        assert row is not None
        return contents.read(row.content)


async def send_as_shown(person: Person, page: str, form: str, action: str, **changes: Any) -> dict[str, Any]:
    """Send a form with what it shows, but for the changes."""
    shown = fields_of((await person.look(page)).source, form)
    await person.do(action, **{**shown, **changes})
    return shown


@pytest.fixture
def once(running: Running) -> None:
    """For tests of forms alone: the store that keeps what they read changes nothing of them."""
    if not running.db.embedded:
        pytest.skip("forms are read the same on the other store")


@pytest.fixture
async def rich(running: Running, ada: Person) -> str:
    """A chatbot that has some of everything."""
    return await make(running, ada, RICH)


PAGES = [
    "/flows",
    *(f"/flows/edit?{urlencode({'flow': 'order', 'step': step})}" for step in ("", *STEPS)),
    "/flows/edit?flow=order&add=step&after=say",
    *(f"/flows/edit?flow=order&add={kind}&after=say" for kind in ("say", "ask", "set", "choose")),
    f"/flows/edit?{urlencode({'flow': 'other/flow & co', 'step': EVIL})}",
    *(f"/flows/{part}{query}" for part in ("responses", "intents", "rules", "slots", "entities") for query in ("", "?new=true", "?q=none")),
    "/settings",
    "/knowledge",
]  # fmt: skip


@pytest.mark.usefixtures("once")
async def test_every_page_is_whole_with_everything_and_with_nothing(
    running: Running, ada: Person, rich: str
) -> None:
    for page in PAGES:
        assert_whole(await ada.look(rich + page))
    empty = await make(running, ada, name="Empty")
    for page in ("/flows", "/flows/responses", "/flows/rules", "/settings", "/knowledge"):
        assert_whole(await ada.look(empty + page))


@pytest.mark.usefixtures("once")
async def test_saving_a_form_as_it_is_shown_changes_nothing(running: Running, ada: Person, rich: str) -> None:
    before = await content_of(running, rich)
    flows = f"{rich}/flows"

    await send_as_shown(ada, f"{flows}/edit?flow=order", "flow-form", f"{flows}/edit")
    for step in STEPS:
        page = f"{flows}/edit?{urlencode({'flow': 'order', 'step': step})}"
        await send_as_shown(ada, page, "step-form", f"{flows}/steps")
        assert await content_of(running, rich) == before, step
    for part, name in [
        ("responses", "hello"), ("intents", "greet"), ("intents", "bye"), ("rules", "0"), ("rules", "1"),
        ("entities", "city"), *(("slots", name) for name in RICH["slots"]),
    ]:  # fmt: skip
        await send_as_shown(ada, f"{flows}/{part}?name={name}", "part-form", f"{flows}/{part}")
        assert await content_of(running, rich) == before, (part, name)
    for group in ("about", "answers", "handover", "model", "guard"):
        await send_as_shown(ada, f"{rich}/settings", f"{group}-form", f"{rich}/settings/{group}")
        assert await content_of(running, rich) == before, group


async def test_a_flow_is_written_from_nothing(running: Running, ada: Person) -> None:
    path = await make(running, ada)
    flows = f"{path}/flows"
    made = await send_as_shown(
        ada, flows, "new-flow-form", flows, name="Order a pizza", intent=["order", "buy"]
    )
    assert made["revision"] == "0"

    page = f"{flows}/edit?flow=order_a_pizza"
    assert "There are no examples of order yet" in (await ada.look(page)).text
    ask = {"slot": "size", "words": "Which size?\r\nSmall?"}
    await send_as_shown(ada, f"{page}&add=ask", "step-form", f"{flows}/steps", **ask)
    sure = {"words": "A {size} one?", "id": "sure"}
    await send_as_shown(ada, f"{page}&add=confirm&after=ask_size", "step-form", f"{flows}/steps", **sure)
    sorry = {"words": "Sorry!"}
    await send_as_shown(ada, f"{page}&add=say&after=sure&way=no", "step-form", f"{flows}/steps", **sorry)
    await send_as_shown(ada, f"{page}&add=handover&after=sure", "step-form", f"{flows}/steps")

    written = contents.write(await content_of(running, path))
    assert written["flows"] == [
        {
            "id": "order_a_pizza",
            "name": "Order a pizza",
            "intents": ["order", "buy"],
            "steps": [
                {"do": "ask", "id": "ask_size", "slot": "size", "response": "ask_size"},
                {"do": "confirm", "id": "sure", "response": "sure", "no": "say"},
                {"do": "handover", "id": "handover", "next": "end"},
                {"do": "say", "id": "say", "response": "say", "next": "end"},
            ],
        }
    ]
    assert written["responses"]["ask_size"] == [{"text": "Which size?\nSmall?"}]
    assert written["slots"] == {"size": {}}
    shown = await ada.look(flows)
    assert "Nothing is wrong" in shown.text
    await ada.do(f"{flows}/steps/move", flow="order_a_pizza", step="sure", to="earlier", revision=5)
    await ada.do(f"{flows}/steps/delete", flow="order_a_pizza", step="ask_size", revision=6)
    steps = (await content_of(running, path)).flows[0].steps
    assert [step.id for step in steps] == ["sure", "handover", "say"]


async def test_intents_are_answered_one_after_the_other(running: Running, ada: Person) -> None:
    path = await make(running, ada, {"intents": {"bye": {}, "hours": {}, "price": {}}})
    page = f"{path}/flows/intents"
    assert "3 intents have no answer yet." in (await ada.look(page)).text

    async def answer(intent: str) -> str:
        form = fields_of((await ada.look(f"{page}?name={intent}")).source, "part-form")
        reply = await ada.do(page, **{**form, "words": f"About {intent}", "then": "next"})
        return str(reply.headers["hx-redirect"]).rpartition("=")[2]

    assert [await answer("hours"), await answer("price"), await answer("bye")] == ["price", "bye", "bye"]
    assert "no answer yet" not in (await ada.look(page)).text
    assert "answer the next" not in (await ada.look(f"{page}?name=bye")).text


async def test_of_two_editors_the_second_is_told_and_loses_nothing_of_the_first(
    running: Running, ada: Person, rich: str
) -> None:
    page = f"{rich}/flows/responses?name=ask"
    second = fields_of((await ada.look(page)).source, "part-form")
    await send_as_shown(ada, page, "part-form", f"{rich}/flows/responses", **{"0-text": "The first"})

    late = await ada.send(f"{rich}/flows/responses", form="part-form", **{**second, "0-text": "The second"})

    assert late.status_code == 409
    assert "load it again" in late.text
    assert (await content_of(running, rich)).responses["ask"][0].text == "The first"


@pytest.mark.usefixtures("once")
async def test_nobody_else_sees_or_changes_it(ada: Person, people: People, rich: str) -> None:
    stranger = await people.join()

    for page in PAGES:
        await stranger.look(rich + page, status=404)
    for action in (
        "/flows",
        "/flows/steps",
        "/flows/rules",
        "/settings/guard",
        "/settings/channels",
        "/knowledge/text",
    ):
        reply = await stranger.send(rich + action, name="x", title="x", text="x", revision="0")
        assert reply.status_code == 404, action
    async with stranger.live(f"/live/chatbot-knowledge?bot={rich.removeprefix('/chat/')}") as live:
        assert live.status == 404


@pytest.mark.usefixtures("once")
async def test_a_problem_is_shown_and_leads_to_where_it_is_mended(running: Running, ada: Person) -> None:
    flow = {"id": "f", "intents": ["i"], "steps": [{"do": "say", "id": "s", "response": "missing"}]}
    path = await make(running, ada, {"flows": [flow]})

    page = await ada.look(f"{path}/flows")

    link = f"{path}/flows/edit?flow=f&step=s"
    assert link in {str(each["href"]) for each in page.of("a")}
    assert "missing, which does not exist" in (await ada.look(link)).text


@pytest.mark.usefixtures("once")
async def test_renaming_follows_into_flows_and_words(running: Running, ada: Person, rich: str) -> None:
    for part, old in (("responses", "ask"), ("slots", "size"), ("entities", "city")):
        page = f"{rich}/flows/{part}?name={old}"
        await send_as_shown(ada, page, "part-form", f"{rich}/flows/{part}", name=f"{old}_2")

    content = await content_of(running, rich)
    ask = contents.write(content)["flows"][0]["steps"][1]
    assert (ask["response"], ask["slot"]) == ("ask_2", "size_2")
    assert "{size_2}" in content.responses["hello"][0].text
    assert content.slots["town"].entity == "city_2"


# page, form, action, what is changed, what is said
REFUSED: list[tuple[str, str, str, dict[str, str], str]] = [
        ("/flows/rules?name=0", "part-form", "/flows/rules", {"words_all": ""}, "words or the phrase"),
        ("/flows/slots?name=size", "part-form", "/flows/slots", {"initial": "many"}, "not a number"),
        ("/flows/responses?name=ask", "part-form", "/flows/responses", {"0-text": ""}, "one wording"),
        ("/flows/responses?name=ask", "part-form", "/flows/responses", {"name": "hello"}, "that name"),
        ("/flows/edit?flow=order&step=say", "step-form", "/flows/steps", {"id": "put"}, "that name"),
        ("/flows/edit?flow=order&step=generate", "step-form", "/flows/steps", {"prompt": " "}, "language model"),
        ("/settings", "handover-form", "/settings/handover", {"day-3": "9 to 5"}, "09:00-17:00"),
        ("/settings", "handover-form", "/settings/handover", {"timezone": "Mars"}, "no time zone"),
        ("/settings", "model-form", "/settings/model", {"url": "ftp://x"}, "begins with http"),
    ]  # fmt: skip


@pytest.mark.usefixtures("once")
async def test_what_cannot_be_is_told_in_the_form(running: Running, ada: Person, rich: str) -> None:
    before = await content_of(running, rich)
    for page, form, action, changes, said in REFUSED:
        shown = fields_of((await ada.look(rich + page)).source, form)

        reply = await ada.send(rich + action, form=form, **{**shown, **changes})

        assert (reply.status_code, f'hx-target="#{form}-error"' in reply.text) == (400, True), said
        assert said in reply.text
    assert await content_of(running, rich) == before


@pytest.mark.usefixtures("once")
async def test_the_drawing_has_every_step_once_and_its_branches_side_by_side(
    running: Running, ada: Person
) -> None:
    found = next(each for each in templates.built_in().values() if each.name == "Appointment")
    path = await make(running, ada, contents.write(templates.read(found.content).content))

    source = (await ada.look(f"{path}/flows/edit?flow=book&step=right")).source

    boxes = re.findall(
        r'<g class="step"><a href="[^"]*step=([^"&]+)"[^>]*>\s*<rect x="([\d.]+)" y="([\d.]+)"', source
    )
    places = {name: (float(x), float(y)) for name, x, y in boxes}
    assert len(boxes) == len(places) == 10
    assert places["service"][0] == places["day"][0]
    assert places["service"][1] < places["day"][1] < places["right"][1]
    assert places["booked"][1] == places["forget"][1]  # yes and no
    assert places["forget"][0] - places["booked"][0] >= 216
