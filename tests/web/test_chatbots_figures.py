"""How figures of models stand beside each other, and the map of what is taken for what."""

import pytest

from botyard.features.chatbots.intent_changes import between
from botyard.web.chatbots import heat
from botyard.web.rendering import TEMPLATES
from tests.contracts.running import Running
from tests.web.person import Person
from tests.web.test_chatbots_learning import deploy, make_chatbot, train, write

SHARED = "balance_not_updated_after_"


def macro(name: str, was: float | None, now: float | None) -> str:
    """What one of the macros for figures draws."""
    return str(getattr(TEMPLATES.get_template("chatbots/_learn_ui.html").module, name)(was, now))


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (0.9834, 0.9826, ""),
        (0.9944, 0.9886, "-0.5"),
        (0.98, 0.9949, "+1.5"),
        (None, 0.9, ""),
        (0.9, None, ""),
    ],
)
def test_a_change_is_the_difference_of_the_figures_that_are_shown(
    was: float | None, now: float | None, told: str
) -> None:
    drawn = macro("moved", was, now)

    assert drawn == (f'<span class="{"good" if told[0] == "+" else "bad"}">{told}</span>' if told else "")


def test_figures_that_look_the_same_are_called_so() -> None:
    assert "same" in macro("points", 0.9834, 0.9826)
    assert "–" in macro("points", None, 0.9)


def test_an_intent_whose_figure_looks_the_same_is_no_change() -> None:
    def report(f1: float) -> dict[str, object]:
        return {"per_intent": [{"intent": "hours", "f1": f1, "examples": 9}]}

    assert between(report(0.9834), report(0.9826)) == []
    assert [change.intent for change in between(report(0.9834), report(0.9824))] == ["hours"]


async def test_versions_that_are_as_good_show_no_change(ada: Person, running: Running) -> None:
    path = await make_chatbot(ada)
    for f1, response in ((0.9834, "hours"), (0.9826, "opening")):
        await train(running, ada, path, f1)
        await write(running, ada, path, response)
        review = await deploy(ada, path)

    page = (await ada.look(f"{path}/versions")).text

    assert ("98.3%" in page, "-0.1" in page) == (True, False)
    assert "Macro-F1 98.3% 98.3% same" in review.text


def test_names_on_the_map_are_shortened_in_the_middle_and_never_look_alike() -> None:
    names = [f"{SHARED}{end}" for end in ("bank_transfer", "cheque_or_cash_deposit")]
    names += ["hours", *(f"{'a' * 20}{at}{'z' * 20}" for at in "12")]
    pairs = [{"intent": name, "taken_for": "price", "count": 1} for name in names]

    drawn = heat.draw({"confusions": pairs, "per_intent": []})

    labels = {label.full: label.text for label in drawn.rows}
    assert len(set(labels.values())) == len(names) + 1
    assert (labels["hours"], labels[names[0]]) == ("hours", "balance_not_u…ank_transfer")
    assert "1" in labels[names[3]]
    assert [label.text for label in drawn.columns] == list(labels.values())


def test_longer_names_get_more_room_beside_the_map() -> None:
    def left(*names: str) -> int:
        pairs = [{"intent": name, "taken_for": "price", "count": 1} for name in names]
        return heat.draw({"confusions": pairs, "per_intent": []}).left

    assert left(f"{'a' * 20}1{'z' * 20}", f"{'a' * 20}2{'z' * 20}") > left("hours")
