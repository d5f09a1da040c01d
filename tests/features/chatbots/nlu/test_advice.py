"""What a report advises, in words that agree with how many there are."""

import pytest

from botyard.features.chatbots.lint import Finding, Lint
from botyard.features.chatbots.nlu import advice
from botyard.features.chatbots.nlu.report import Scope, ScopePoint

SCOPE = Scope(
    chosen="balanced",
    points={"balanced": ScopePoint(threshold=0.5, kept=1.0, wrong_refused=None, strange_refused=None)},
    curve=[],
    known=0,
    strange=0,
    strange_from=[],
)


def advised(kind: str, count: int) -> str:
    """What is said about so many findings of one kind."""
    finding = Finding(kind=kind, examples=[0], intents=["hours", "price"], text="open?", advice="Mend it.")
    lint = Lint(ready=True, examples=9, intents={}, languages={}, counts={kind: count}, findings=[finding])
    (said,) = advice.suggestions(lint, [], [], SCOPE, None, encoder="some")
    return said.message


@pytest.mark.parametrize(
    ("kind", "one", "many"),
    [
        ("conflict", "1 text stands in", "1\u202f047 texts stand in"),
        ("duplicate", "1 text occurs more", "1\u202f047 texts occur more"),
        ("mark", "1 mark of an entity does not", "1\u202f047 marks of entities do not"),
        ("language", "1 group of examples is", "1\u202f047 groups of examples are"),
        ("near_duplicate", "1 group of texts is", "1\u202f047 groups of texts are"),
    ],
)
def test_advice_about_one_thing_speaks_of_one(kind: str, one: str, many: str) -> None:
    assert advised(kind, 1).startswith(one)
    assert advised(kind, 1047).startswith(many)
    assert "“open?”" in advised(kind, 1)
