"""Projects of Rasa: what maps arrives, what does not is said, and nothing is lost on the way back."""

import json
import zipfile
from io import BytesIO
from typing import Any

import pytest
import yaml

from botyard.features.chatbots import formats
from botyard.features.chatbots.content import (
    Ask,
    Branch,
    Button,
    Call,
    Choose,
    Condition,
    Confirm,
    Content,
    Entity,
    Flow,
    Handover,
    Put,
    Reply,
    Say,
    Slot,
)
from botyard.features.chatbots.formats import Imported, Project
from tests.features.chatbots.formats.files import CALM, SHOP_DOMAIN, SHOP_NLU, SHOP_RULES, zipped


def content_of(imported: Imported) -> Content:
    assert imported.content is not None
    return imported.content


def said(imported: Imported, kind: str) -> dict[str, str]:
    return {note.what: note.why for note in imported.report if note.kind == kind}


def flow_of(imported: Imported, flow_id: str) -> Flow:
    return next(flow for flow in content_of(imported).flows if flow.id == flow_id)


@pytest.fixture(scope="module")
def shop() -> Imported:
    """A project of several files, packed with its folder around it."""
    return formats.read(
        zipped(
            {
                "shop/domain.yml": SHOP_DOMAIN,
                "shop/data/nlu.yml": SHOP_NLU,
                "shop/data/rules.yml": SHOP_RULES,
                "shop/config.yml": "language: de\npipeline:\n- name: KeywordIntentClassifier\n",
                "shop/tests/test_stories.yml": "stories:\n- story: x\n  steps: []\n",
                "shop/actions/actions.py": "class ActionBrew(Action): ...",
                "shop/credentials.yml": "telegram:\n  access_token: secret\n",
            }
        )
    )


@pytest.fixture(scope="module")
def calm() -> Imported:
    return formats.read(CALM.encode())


def test_examples_keep_their_marks_in_both_markups(shop: Imported) -> None:
    order = [example for example in shop.examples if example.intent == "order_tea"]

    assert order[0].text == "a pot of green tea"
    assert order[0].entities == [{"start": 9, "end": 18, "entity": "drink"}]
    assert order[1].text == "two cups of sencha"
    assert order[1].entities == [
        {"start": 0, "end": 3, "entity": "number", "value": "2", "role": "amount"},
        {"start": 12, "end": 18, "entity": "drink", "value": "green tea"},
    ]
    assert (order[2].text, order[2].entities) == ("no marks [here] or (there)", [])
    assert [e.text for e in shop.examples if e.intent == "affirm"] == ["yes", "sure thing"]


def test_tables_synonyms_and_patterns_go_to_their_entities(shop: Imported) -> None:
    assert content_of(shop).entities["drink"] == Entity(
        values={"green tea": ["sencha", "matcha"], "black tea": []}, patterns=[r"tea no\. \d+"]
    )
    assert content_of(shop).entities["number"].roles == ["amount"]
    assert shop.extras["synonyms"] == {"nobody knows": ["unheard of"]}
    assert shop.extras["regex"] == {"zip": [r"\d{5}"]}
    assert {"synonym nobody knows", "regular expression zip"} <= said(shop, "partly").keys()


def test_slots_keep_type_values_entity_and_first_value(shop: Imported) -> None:
    assert content_of(shop).slots == {
        "drink": Slot(entity="drink"),
        "gift": Slot(type="bool", initial=False),
        "size": Slot(type="category", values=["small", "large"]),
    }
    assert {"slot gift", "slot size"} <= said(shop, "partly").keys()


def test_responses_keep_buttons_channels_and_pictures(shop: Imported) -> None:
    responses = content_of(shop).responses

    assert responses["utter_ask_drink"][0].buttons == [
        Button(title="Green", intent="order_tea", slots={"drink": "green tea"}),
        Button(title="Large", slots={"size": "large", "gift": True}),
        Button(title="Shop", url="https://example.org"),
    ]
    assert responses["utter_done"] == [
        Reply(text="Your {drink} comes.", image="https://example.org/tea.png"),
        Reply(text="On its way.", channel="telegram"),
    ]


def test_a_form_becomes_a_flow_that_asks_and_then_does_what_its_rule_says(shop: Imported) -> None:
    flow = flow_of(shop, "tea_form")

    assert flow.intents == ["order_tea"]
    assert flow.steps == [
        Ask(id="ask_drink", slot="drink", response="utter_ask_drink"),
        Ask(id="ask_size", slot="size", response="utter_ask_tea_form_size"),
        Put(id="action_brew", slots={}),
        Say(id="utter_done", response="utter_done"),
    ]


def test_a_wording_with_a_condition_becomes_a_choice(shop: Imported) -> None:
    flow = flow_of(shop, "hello")

    assert flow.when == Condition(slot="gift", test="equals", value=True)
    choice = flow.steps[0]
    assert isinstance(choice, Choose)
    assert [branch.when for branch in choice.branches] == [flow.when]
    assert content_of(shop).responses["utter_hello_when"] == [Reply(text="Welcome back!")]
    assert content_of(shop).responses["utter_hello"] == [Reply(text="Good day, guest.")]


def test_a_question_answered_with_yes_or_no_becomes_one_step(shop: Imported) -> None:
    flow = flow_of(shop, "gift_or_not")

    assert flow.intents == ["buy_gift"]
    assert flow.steps[1] == Confirm(id="utter_ask_gift", response="utter_ask_gift", no="utter_hello")
    assert flow.steps[2] == Say(id="utter_done_2", response="utter_done", next="end")


def test_frequent_questions_are_answered_by_their_own_response(shop: Imported) -> None:
    assert content_of(shop).intents["faq/opening"].response == "utter_faq/opening"
    assert "faq" not in content_of(shop).intents
    assert shop.responses == {"faq/opening": "At nine."}
    assert content_of(shop).settings.fallback == "utter_default"
    assert content_of(shop).language == "de"


def test_what_does_not_map_is_named_with_a_reason(shop: Imported) -> None:
    lost = said(shop, "not_mapped")

    assert "checkpoint" in lost["story from elsewhere"]
    assert "several turns" in lost["rule two turns"]
    assert "code" in lost["action action_brew"]
    assert "code" in lost["file actions/actions.py"]
    assert "setting pipeline in config.yml" in lost
    assert "secret" not in repr(shop)
    assert all(note.why for note in shop.report if note.kind != "mapped")


def test_flows_become_one_list_of_steps(calm: Imported) -> None:
    flow = flow_of(calm, "pay")
    empty = Condition(
        any=[Condition(slot="paid", test="not_set"), Condition(slot="paid", test="equals", value=False)]
    )

    assert (flow.name, flow.description, flow.intents) == (
        "pay the bill",
        "takes the money",
        ["pay", "settle"],
    )
    assert flow.when == empty
    assert flow.steps == [
        Ask(
            id="amount",
            slot="amount",
            response="utter_ask_amount",
            refused="utter_wrong",
            again=True,
            check=Condition(
                all=[
                    Condition(slot="amount", test="greater", value=0),
                    Condition(
                        any=[
                            Condition(slot="amount", test="less", value=100),
                            Condition(slot="amount", test="equals", value=100),
                        ]
                    ),
                ]
            ),
        ),
        Choose(
            id="check",
            branches=[Branch(when=Condition(slot="funds", test="not_equals", value=True), next="utter_poor")],
            next="sure",
        ),
        Ask(id="amount_again", slot="amount", response="utter_ask_amount"),
        Ask(id="sure", slot="sure", response="utter_sure"),
        Choose(
            id="sure_next",
            branches=[Branch(when=Condition(slot="sure", test="equals", value=True), next="receipt")],
            next="pattern_human_handoff",
        ),
        Say(id="utter_poor", response="utter_poor"),
        Put(id="set_slots", slots={"amount": None}, next="amount_again"),
        Call(id="receipt", flow="receipt"),
        Say(id="utter_paid", response="utter_paid", next="end"),
        Handover(id="pattern_human_handoff", next="end"),
    ]
    assert content_of(calm).settings.greeting == "utter_paid"
    assert any("compares a slot with another" in why for why in said(calm, "partly").values())


@pytest.mark.parametrize("project", ["shop", "calm"])
def test_an_export_comes_back_as_it_was(project: str, request: pytest.FixtureRequest) -> None:
    first: Imported = request.getfixturevalue(project)

    file = formats.write("rasa", given(first))
    second = formats.read(file.data)

    assert second.content == first.content
    assert sorted(map(repr, second.examples)) == sorted(map(repr, first.examples))
    assert (second.responses, second.extras) == (first.responses, first.extras)
    assert formats.write("rasa", given(second)).data == file.data


def test_an_export_is_a_project_that_needs_no_sidecar(calm: Imported) -> None:
    files = files_of(formats.write("rasa", given(calm)).data)
    files.pop("botyard.json")

    alone = formats.read(zipped(files))

    assert content_of(alone).flows == content_of(calm).flows
    assert content_of(alone).responses == content_of(calm).responses
    assert content_of(alone).slots.keys() == content_of(calm).slots.keys()


def test_what_was_edited_in_rasas_files_wins_over_the_sidecar() -> None:
    content = Content(
        responses={"hi": [Reply(text="Hi", language="de")], "bye": [Reply(text="Bye", language="de")]},
        flows=[Flow(id="f", steps=[Say(id="s", response="hi")])],
    )
    files = files_of(formats.write("rasa", Project(content=content)).data)
    domain = yaml.safe_load(files["domain.yml"])
    domain["responses"]["utter_hi"][0]["text"] = "Hello"
    files["domain.yml"] = yaml.safe_dump(domain)

    back = content_of(formats.read(zipped(files)))

    assert back.responses == {"hi": [Reply(text="Hello")], "bye": [Reply(text="Bye", language="de")]}
    assert back.flows == content.flows


def test_the_json_of_old_versions_is_read() -> None:
    old = {
        "rasa_nlu_data": {
            "common_examples": [
                {
                    "text": "tea for two",
                    "intent": "order",
                    "entities": [{"start": 8, "end": 11, "value": "2", "entity": "number"}],
                }
            ],
            "entity_synonyms": [{"value": "2", "synonyms": ["two"]}],
            "regex_features": [],
        }
    }
    read = formats.read(json.dumps(old).encode())

    assert read.format == "rasa"
    assert read.examples[0].entities == [{"start": 8, "end": 11, "entity": "number", "value": "2"}]


def given(imported: Imported) -> Project:
    return Project(
        name=imported.name,
        language=imported.language,
        examples=imported.examples,
        responses=imported.responses,
        content=imported.content,
        extras=imported.extras,
    )


def files_of(data: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
