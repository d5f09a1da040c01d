"""What is known of a Rasa project while its files are read."""

from collections.abc import Iterator
from typing import Any

from botyard.features.chatbots.content import Condition, Content, Flow
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats.imported import Report
from botyard.features.chatbots.formats.reading import items, mapping

CODE = (
    "It is code of the Rasa project, which does not run here; put in its place a step that says, asks or sets "
    "something, or let a webhook do it."
)


class Draft:
    """The chatbot as far as it was read, and the report."""

    def __init__(self) -> None:
        self.report = Report()
        self.content = Content()
        self.examples: list[NewExample] = []
        self.extras: dict[str, Any] = {}
        self.actions: set[str] = set()
        self.forms: dict[str, list[str]] = {}
        # Wordings that depend on slots: of a response, those with a condition and the name of the others.
        self.conditional: dict[str, list[tuple[Condition, str]]] = {}
        self.otherwise: dict[str, str] = {}

    @property
    def types(self) -> dict[str, str]:
        """Types of slots by their names."""
        return {name: slot.type for name, slot in self.content.slots.items()}

    def flow(self, flow_id: str) -> Flow | None:
        """The flow of that id, if there is one yet."""
        return next((flow for flow in self.content.flows if flow.id == flow_id), None)

    def free_flow_id(self, wanted: str) -> str:
        """The wanted id, or that with a number where a flow has it already."""
        taken = {flow.id for flow in self.content.flows}
        return free(wanted[:180] or "flow", taken)


def free(wanted: str, taken: set[str]) -> str:
    """The wanted name, or that with the first number that nobody has."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def named(value: Any) -> Iterator[tuple[str, Any]]:
    """Entries of a list of which each is a name, or a name with something of it."""
    for each in (
        items(value) if isinstance(value, list) else [{key: of} for key, of in mapping(value).items()]
    ):
        if isinstance(each, dict):
            yield from mapping(each).items()
        elif each is not None:
            yield str(each), None
