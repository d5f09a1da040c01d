"""Templates that come with the server hold together, and one's own are one's own."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from botyard.core.accounts import registration
from botyard.core.accounts.passwords import PasswordHash
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import templates
from botyard.features.chatbots.content import Ask, Call, Choose, Confirm, Content, Flow, Handover, Say
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE
from botyard.features.chatbots.runtime.types import BotMessage
from botyard.features.chatbots.templates import BuiltIn, NoSuchTemplate, Template
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database
from botyard.kit.errors import Invalid
from tests.features.chatbots.runtime.talk import Talk, bot

BUILT_IN = list(templates.built_in().values())


def by_id(template: Template) -> str:
    return template.id


@pytest.mark.parametrize("template", BUILT_IN, ids=by_id)
def test_a_built_in_template_has_a_dozen_different_examples_for_each_intent(template: Template) -> None:
    beginning = templates.read(template.content)
    counts = Counter(example.intent for example in beginning.examples)
    said = Counter(example.text.casefold() for example in beginning.examples)

    assert set(counts) - OUT_OF_SCOPE == set(beginning.content.intents)
    assert set(counts) & OUT_OF_SCOPE, "nothing says what it is not for"
    assert min(counts.values()) >= 12
    assert [text for text, number in said.items() if number > 1] == []


@pytest.mark.parametrize("template", BUILT_IN, ids=by_id)
def test_a_built_in_template_names_nothing_that_it_does_not_have(template: Template) -> None:
    content = contents.read(template.content)
    known = {key: value for key, value in template.content.items() if key != "examples"}
    assert read_again(known) == read_again(contents.write(content)), "something in it is not read at all"
    flows = {flow.id for flow in content.flows}

    assert set(responses(content)) - set(content.responses) == set()
    assert set(content.responses) - set(responses(content)) == set(), "responses that nothing says"
    assert {flow for flow in called(content) if flow} - flows == set()
    assert set(slots(content)) - set(content.slots) == set()
    for flow in content.flows:
        assert set(goals(flow)) - {step.id for step in flow.steps} - {"", "end"} == set(), flow.id
    for intent, about in content.intents.items():
        started = any(intent in flow.intents for flow in content.flows)
        handed_over = intent in content.settings.handover.intents
        assert bool(about.response) or started or handed_over, f"nothing answers {intent}"


@pytest.mark.parametrize("template", BUILT_IN, ids=by_id)
def test_a_built_in_template_answers_without_training_asks_and_calls_people(template: Template) -> None:
    content = contents.read(template.content)
    steps = [step for flow in content.flows for step in flow.steps]

    assert content.settings.handover.enabled
    assert {type(step) for step in steps} >= {Ask, Confirm, Say, Handover}
    reached = {rule.response or rule.flow for rule in content.rules}
    for intent, about in content.intents.items():
        starts = {flow.id for flow in content.flows if intent in flow.intents}
        ways = {about.response, *starts} - {""}
        assert not ways or ways & reached, f"no rule leads to {intent}"


TALKS = {
    "support-faq": [
        ("hello", "greet"),
        ("What does shipping cost?", "shipping_cost"),
        ("my parcel arrived damaged", "ask_topic"),
        ("a product", "ask_problem"),
        ("the box was crushed", "ask_email"),
        ("ada@example.org", "confirm_problem"),
        ("yes", "problem_taken"),
    ],
    "appointment": [
        ("where are you?", "location"),
        ("I'd like to book", "ask_service"),
        ("a check-up", "ask_day"),
        ("on friday", "ask_time"),
        ("at ten", "ask_name"),
        ("Ada Lovelace", "ask_phone"),
        ("skip", "confirm_booking"),
        ("yes", "booked"),
    ],
    "order-status": [
        ("how long does delivery take", "delivery_times"),
        ("where is my order?", "ask_order_number"),
        ("AB-123456", "ask_email"),
        ("ada@example.org", "confirm_status"),
        ("yes", "passed_on"),
    ],
}


@pytest.mark.parametrize("template", BUILT_IN, ids=by_id)
def test_a_built_in_template_holds_a_conversation_without_any_training(template: Template) -> None:
    talk = Talk(bot(template.content))
    for text, response in TALKS[template.id]:
        talk(text)
        said = [event.response for event in talk.last.events if isinstance(event, BotMessage)]
        assert response in said, (text, said)
    assert talk.state.status == "waiting"
    assert talk.called

    impatient = Talk(bot(template.content))
    impatient("Give me a human")
    assert impatient.state.status == "waiting"


def read_again(value: Any) -> Any:
    """JSON without what equals a default, which `write` leaves out."""
    if isinstance(value, dict):
        return {key: read_again(item) for key, item in value.items() if item not in ("", [], {})}
    return [read_again(item) for item in value] if isinstance(value, list) else value


def responses(content: Content) -> Iterator[str]:
    settings = content.settings
    yield from (about.response for about in content.intents.values() if about.response)
    yield from (rule.response for rule in content.rules if rule.response)
    yield from filter(
        None, (settings.greeting, settings.fallback, settings.handover.queued, settings.handover.closed)
    )
    for flow in content.flows:
        for step in flow.steps:
            if isinstance(step, (Say, Ask, Confirm)):
                yield step.response
            if isinstance(step, Ask) and step.refused:
                yield step.refused


def called(content: Content) -> Iterator[str]:
    yield from (rule.flow for rule in content.rules)
    yield from (step.flow for flow in content.flows for step in flow.steps if isinstance(step, Call))
    yield from (
        button.flow for replies in content.responses.values() for reply in replies for button in reply.buttons
    )


def slots(content: Content) -> Iterator[str]:
    yield from (step.slot for flow in content.flows for step in flow.steps if isinstance(step, Ask))
    for replies in content.responses.values():
        for reply in replies:
            yield from (slot for button in reply.buttons for slot in button.slots)
            yield from (part.partition("}")[0] for part in reply.text.split("{")[1:])


def goals(flow: Flow) -> Iterator[str]:
    for step in flow.steps:
        yield step.next
        if isinstance(step, Confirm):
            yield step.no
        if isinstance(step, Choose):
            yield from (branch.next for branch in step.branches)


@pytest.fixture
async def owners(db: Database) -> tuple[int, int]:
    """Two accounts."""
    async with db.session() as session:
        made = [
            await registration.create(
                session, username=name, email=f"{name}@example.org", password_hash=PasswordHash("none")
            )
            for name in ("ada", "bo")
        ]
        return made[0].id, made[1].id


async def test_own_templates_are_the_owners_alone_and_listed_after_the_servers(
    db: Database, owners: tuple[int, int], clock: FrozenClock
) -> None:
    mine, other = owners
    async with db.session() as session:
        first = await templates.create(session, owner_id=mine, name=" First ")
        clock.advance(1)
        second = await templates.create(session, owner_id=mine, name="Second", type="rule")
    async with db.reader() as session:
        everything, total = await templates.list_page(session, owner_id=mine, limit=10)
        second_page, _ = await templates.list_page(session, owner_id=mine, limit=2, offset=2)
        foreign, _ = await templates.list_page(session, owner_id=other, limit=10)
        with pytest.raises(NoSuchTemplate):
            await templates.get(session, first.id, owner_id=other)

    assert [one.id for one in everything] == [*templates.built_in(), second.id, first.id]
    assert (total, first.name) == (len(BUILT_IN) + 2, "First")
    assert [one.id for one in second_page] == [everything[2].id, second.id]
    assert foreign == BUILT_IN


async def test_what_is_not_given_stays_and_built_in_ones_stay_as_they_are(
    db: Database, owners: tuple[int, int]
) -> None:
    mine, other = owners
    async with db.session() as session:
        made = await templates.create(session, owner_id=mine, name="Mine", description="d", content={"a": 1})
    async with db.session() as session:
        changed = await templates.update(session, made.id, owner_id=mine, description=None)
    for change in (templates.update, templates.delete):
        async with db.session() as session:
            with pytest.raises(BuiltIn):
                await change(session, BUILT_IN[0].id, owner_id=mine)
            with pytest.raises(NoSuchTemplate):
                await change(session, made.id, owner_id=other)
    async with db.session() as session:
        await templates.delete(session, made.id, owner_id=mine)
    async with db.reader() as session:
        with pytest.raises(NoSuchTemplate):
            await templates.get(session, made.id, owner_id=mine)

    assert (changed.name, changed.description, changed.content) == ("Mine", None, {"a": 1})


async def test_what_a_template_cannot_have_is_refused(db: Database, owners: tuple[int, int]) -> None:
    wrong: list[dict[str, Any]] = [
        {"name": " "},
        {"name": "a\nb"},
        {"type": "parrot"},
        {"description": "d" * 2001},
        {"content": {"a": "x" * 2**20}},
    ]
    for fields in wrong:
        async with db.session() as session:
            with pytest.raises(Invalid):
                await templates.create(session, owner_id=owners[0], **{"name": "Mine", **fields})


def test_a_template_that_cannot_be_read_says_where() -> None:
    with pytest.raises(Invalid, match="intents"):
        templates.read({"intents": []})
    with pytest.raises(Invalid, match="examples"):
        templates.read({"examples": [{"text": "hello"}]})
