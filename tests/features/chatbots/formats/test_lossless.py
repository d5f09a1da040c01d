"""Whatever a chatbot holds: exported and imported it is the same again."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from botyard.features.chatbots import content as contents
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
    Generate,
    Handover,
    Intent,
    Put,
    Reply,
    Rule,
    Say,
    Search,
    Settings,
    Slot,
)
from botyard.features.chatbots.examples import NewExample, problem_of, trimmed
from botyard.features.chatbots.formats import Project
from botyard.features.chatbots.formats.rasa import predicates

KEYS = msgspec.json.Encoder(order="sorted").encode  # an example, whatever the order of a mark's keys
FAST = [Phase.explicit, Phase.generate]  # looking for the smallest failure takes minutes here
SIGNS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
NASTY = st.sampled_from(
    [
        "yes",
        "no",
        "null",
        "1e3",
        "- a",
        "a: b",
        "[x](y)",
        '[x]{"entity": "y"}',
        "{a}",
        "'=1",
        "#",
        "ünïcode ☕",
        "12:30",
    ]
)
NAMES = st.one_of(
    st.sampled_from(["a", "b", "tea_form", "utter_hi", "greet"]),
    NASTY,
    st.text(SIGNS, min_size=1, max_size=12).filter(lambda text: text.strip() == text),
)
TEXTS = st.one_of(NASTY, st.text(SIGNS | st.just("\n"), min_size=1, max_size=30))
SCALARS = st.one_of(
    st.booleans(), st.integers(-1000, 1000), st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), TEXTS
)
TESTS = st.one_of(
    st.builds(Condition, slot=NAMES, test=st.sampled_from(["is_set", "not_set"])),
    st.builds(
        Condition, slot=NAMES, test=st.sampled_from(["equals", "not_equals", "contains"]), value=SCALARS
    ),
    st.builds(Condition, slot=NAMES, test=st.sampled_from(["greater", "less"]), value=st.integers(-9, 9)),
    st.builds(Condition, slot=NAMES, test=st.just("one_of"), value=st.lists(SCALARS, max_size=3)),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(Condition, all=st.lists(inner, min_size=1, max_size=3)),
        st.builds(Condition, any=st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=4,
)
TARGETS = st.sampled_from(["", "end", "s0", "s1"])
STEPS: list[Any] = [
    st.builds(Say, id=NAMES, response=NAMES, next=TARGETS),
    st.builds(
        Ask, id=NAMES, slot=NAMES, response=NAMES, check=st.none() | CONDITIONS, refused=NAMES, optional=st.booleans(),
        again=st.booleans(), next=TARGETS,
    ),
    st.builds(Put, id=NAMES, slots=st.dictionaries(NAMES, SCALARS | st.none(), max_size=2), next=TARGETS),
    st.builds(Choose, id=NAMES, branches=st.lists(st.builds(Branch, when=CONDITIONS, next=TARGETS), max_size=2)),
    st.builds(Confirm, id=NAMES, response=NAMES, no=st.sampled_from(["end", "s0"]), next=TARGETS),
    st.builds(Call, id=NAMES, flow=NAMES, next=TARGETS),
    st.builds(Handover, id=NAMES, reason=st.just("") | TEXTS, next=TARGETS),
    st.builds(Search, id=NAMES, slot=st.just("") | NAMES),
    st.builds(Generate, id=NAMES, prompt=TEXTS),
]  # fmt: skip
REPLIES = st.builds(
    Reply,
    text=TEXTS,
    language=st.sampled_from(["", "de"]),
    channel=st.sampled_from(["", "telegram"]),
    buttons=st.lists(
        st.builds(
            Button, title=NAMES, intent=st.just("") | NAMES, slots=st.dictionaries(NAMES, SCALARS, max_size=1)
        ),
        max_size=2,
    ),
)


def named(values: Any) -> Any:
    return st.dictionaries(NAMES, values, max_size=3)


@st.composite
def flows(draw: Any) -> list[Flow]:
    """Flows with ids of their own, whose steps have ids of their own."""
    made = []
    for flow_id in draw(st.lists(NAMES, max_size=2, unique=True)):
        steps = draw(st.lists(st.one_of(*STEPS), max_size=4))
        for number, step in enumerate(steps):
            step.id = f"s{number}"
        made.append(
            Flow(
                id=flow_id,
                name=draw(st.just("") | NAMES),
                intents=draw(st.lists(NAMES, max_size=2)),
                steps=steps,
            )
        )
    return made


CONTENTS = st.builds(
    Content,
    language=st.sampled_from(["en", "pt-BR"]),
    intents=named(st.builds(Intent, response=st.just("") | NAMES, title=st.just("") | NAMES)),
    entities=named(
        st.builds(Entity, values=st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2), patterns=st.lists(NAMES, max_size=1))
    ),
    slots=named(st.builds(Slot, type=st.sampled_from(["text", "number", "bool", "category", "list", "any"]), entity=st.just("") | NAMES, description=st.just("") | TEXTS)),
    responses=named(st.lists(REPLIES, max_size=2)),
    flows=flows(),
    rules=st.lists(st.builds(Rule, phrase=TEXTS, response=NAMES), max_size=1),
    settings=st.builds(Settings, greeting=st.just("") | NAMES, fallback=st.just("") | NAMES),
)  # fmt: skip


@st.composite
def examples(draw: Any) -> NewExample:
    """An example that a dataset takes, with marks where they fit."""
    text = draw(TEXTS)
    example = NewExample(text=text, intent=draw(NAMES), language=draw(st.sampled_from(["", "de"])))
    if draw(st.booleans()) and text.strip():
        start = draw(st.integers(0, len(text) - 1))
        mark: dict[str, Any] = {
            "start": start,
            "end": draw(st.integers(start + 1, len(text))),
            "entity": draw(NAMES),
        }
        extra = draw(st.fixed_dictionaries({}, optional={"value": NAMES, "role": NAMES, "group": NAMES}))
        example.entities = [mark | extra]
    return example


PROJECTS = st.builds(
    Project,
    name=st.just("") | NAMES,
    language=st.just("en"),
    examples=st.lists(examples().filter(lambda each: not problem_of(each)).map(trimmed).filter(lambda each: not problem_of(each)), max_size=5),
    responses=named(TEXTS),
    content=CONTENTS,
)  # fmt: skip


@settings(
    max_examples=60, phases=FAST, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(PROJECTS)
def test_a_chatbot_survives_rasa_and_lines_of_json(project: Project) -> None:
    assert project.content is not None
    project.content = contents.read(contents.write(project.content))
    project.language = project.content.language

    for form in ("jsonl", "rasa"):
        back = formats.read(formats.write(form, project).data)

        assert back.format == form
        assert sorted(map(KEYS, back.examples)) == sorted(map(KEYS, project.examples))
        assert back.content == project.content
        assert (back.name, back.language, back.responses) == (
            project.name,
            project.language,
            project.responses,
        )


@settings(max_examples=60)
@given(
    st.lists(
        examples()
        .filter(lambda each: not problem_of(each))
        .map(trimmed)
        .filter(lambda each: not problem_of(each)),
        min_size=1,
    )
)
def test_examples_survive_a_table(given_examples: list[NewExample]) -> None:
    back = formats.read(formats.write("csv", Project(examples=given_examples)).data, "examples.csv")

    assert back.format == "csv"
    assert back.examples == given_examples


@settings(max_examples=100)
@given(CONDITIONS)
def test_a_condition_that_rasa_can_say_is_understood_again(condition: Condition) -> None:
    try:
        written = predicates.write(condition)
    except predicates.Unsayable:
        return
    if "(" in written or len(condition.all or condition.any) == 1:
        return  # a group of one is no group in Rasa's words; the whole is held to account above
    back = predicates.read(written, {})

    assert predicates.write(back) == written
