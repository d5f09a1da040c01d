"""Whatever comes in, a step ends, leaves its state alone, and answers something that can be stored."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from botyard.features.chatbots.runtime.step import step
from botyard.features.chatbots.runtime.types import (
    CommandsMade,
    KnowledgeFound,
    ModelSaid,
    Outcome,
    Returned,
    Started,
    State,
    UserEvent,
)
from botyard.features.chatbots.runtime.version import Version
from tests.features.chatbots.runtime.talk import NOON, Found, Heard, Ranked, bot

NAMES = ["a", "b", "c"]
names = st.sampled_from([*NAMES, "end", ""])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
tests = st.sampled_from(
    ["is_set", "not_set", "equals", "not_equals", "greater", "less", "contains", "one_of"]
)
jsonish = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4))
conditions = st.fixed_dictionaries({"slot": names, "test": tests, "value": jsonish})
ids = st.sampled_from(NAMES)


def _step(do: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({"do": st.just(do), "id": ids, "next": names, **fields})


steps = st.one_of(
    _step("say", response=ids),
    _step("ask", slot=ids, response=ids, optional=st.booleans(), again=st.booleans(), check=conditions),
    _step("set", slots=st.dictionaries(ids, jsonish, max_size=2)),
    _step("choose", branches=st.lists(st.fixed_dictionaries({"when": conditions, "next": ids}), max_size=2)),
    _step("confirm", response=ids, no=ids),
    _step("call", flow=ids),
    _step("handover"),
    _step("search", slot=names),
    _step("generate", prompt=st.just("Talk.")),
)
flows = st.lists(st.lists(steps, max_size=5), min_size=3, max_size=3).map(
    lambda made: [
        {"id": name, "intents": [name], "steps": steps} for name, steps in zip(NAMES, made, strict=True)
    ]
)
slots = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                "type": st.sampled_from(["text", "number", "bool", "category", "list", "any"]),
                "values": st.just(["yes", "x"]),
                "entity": names,
            }
        )
        for name in NAMES
    }
)
reply = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["Hi {a}", "{b} {c}", "ok", ""]),
        "buttons": st.lists(
            st.fixed_dictionaries(
                {
                    "title": st.sampled_from(["x", "yes", "human"]),
                    "intent": names,
                    "flow": names,
                    "slots": st.dictionaries(names, jsonish, max_size=2),
                }
            ),
            max_size=2,
        ),
    }
)
rules = st.fixed_dictionaries({"words": st.just(["x"]), "response": names, "flow": names})
contents = st.fixed_dictionaries(
    {
        "flows": flows,
        "slots": slots,
        "responses": st.fixed_dictionaries({name: st.lists(reply, max_size=2) for name in NAMES[:2]}),
        "rules": st.lists(rules, max_size=1),
        "intents": st.just({"c": {"response": "a"}}),
        "settings": st.fixed_dictionaries(
            {
                "handover": st.fixed_dictionaries(
                    {"enabled": st.booleans(), "after_misses": st.integers(0, 2)}
                ),
                "model": st.fixed_dictionaries(
                    {"provider": st.sampled_from(["", "ollama"]), "commands": st.booleans()}
                ),
            }
        ),
    }
)
texts = st.one_of(
    st.sampled_from(["yes", "no", "x", "5", "cancel", "human", "start over", "skip", "I meant 4"]),
    st.text(max_size=12),
)
understood = st.one_of(
    st.none(),
    st.builds(
        Heard,
        st.lists(st.builds(Ranked, names, st.floats(0, 1)), max_size=3),
        st.booleans(),
        st.lists(st.builds(Found, names, anything), max_size=2),
    ),
)
incoming = st.one_of(
    st.tuples(
        st.builds(UserEvent, texts, st.one_of(st.none(), st.integers(-2, 4)), st.sampled_from(["", "de"])),
        understood,
    ),
    st.tuples(
        st.one_of(
            st.builds(KnowledgeFound, st.sampled_from(["", "Found."])),
            st.builds(ModelSaid, st.sampled_from(["", "Said."]), st.sampled_from(["none", "handover"])),
            st.just(CommandsMade()),
            st.just(Started()),
            st.just(Returned()),
        ),
        st.none(),
    ),
)


@settings(max_examples=100)
@given(raw=contents, events=st.lists(incoming, min_size=1, max_size=8), data=st.data())
def test_any_talk_with_any_chatbot_ends_in_a_state_that_can_be_stored(
    raw: dict[str, object], events: list[tuple[object, Heard | None]], data: st.DataObject
) -> None:
    version: Version = bot(raw, knowledge=data.draw(st.booleans()))
    state = State()
    for event, heard in events:
        before = msgspec.json.encode(state)
        outcome = step(version, state, event, heard, NOON)  # type: ignore[arg-type]
        assert msgspec.json.encode(state) == before
        assert _rest(step(version, state, event, heard, NOON)) == _rest(outcome)  # type: ignore[arg-type]
        state = msgspec.json.decode(msgspec.json.encode(outcome.state), type=State)
        assert state == outcome.state
        msgspec.json.encode(outcome.events)
        assert len(outcome.messages) <= 21
        assert len(state.stack) <= 8
        assert len(before) < 200_000
        assert set(state.slots) <= set(NAMES)
        assert (outcome.need is None) == (state.pending is None) or not outcome.messages


def _rest(outcome: Outcome) -> bytes:
    return msgspec.json.encode([outcome.events, outcome.state])
