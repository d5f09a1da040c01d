"""The ways through a flow: which step leads where, what is reached, what goes round in circles. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from botyard.features.chatbots.content import Ask, Choose, Confirm, Flow, Put, Step

END = "end"
EdgeKind = Literal["next", "yes", "no", "branch", "else"]


@dataclass(frozen=True, slots=True)
class Edge:
    """One way on from a step. `target` is the id of a step or `end`; `branch` counts from 0, of a choice only."""

    source: str
    target: str
    kind: EdgeKind
    branch: int = -1


def edges(flow: Flow) -> dict[str, list[Edge]]:
    """The ways on from each step, in the order in which they are tried; of steps with one id the first."""
    found: dict[str, list[Edge]] = {}
    for at, step in enumerate(flow.steps):
        following = flow.steps[at + 1].id if at + 1 < len(flow.steps) else END
        if step.id not in found:
            found[step.id] = list(_ways(step, step.next or following))
    return found


def _ways(step: Step, onward: str) -> Iterator[Edge]:
    match step:
        case Confirm():
            yield Edge(step.id, onward, "yes")
            yield Edge(step.id, step.no, "no")
        case Choose():
            for number, branch in enumerate(step.branches):
                yield Edge(step.id, branch.next, "branch", number)
            yield Edge(step.id, onward, "else")
        case _:
            yield Edge(step.id, onward, "next")


def reached(flow: Flow) -> set[str]:
    """Steps that the beginning leads to, whatever the conditions are."""
    ways, seen = edges(flow), set[str]()
    waiting = [flow.steps[0].id] if flow.steps else []
    while waiting:
        step_id = waiting.pop()
        if step_id in ways and step_id not in seen:
            seen.add(step_id)
            waiting += [edge.target for edge in ways[step_id]]
    return seen


def restless(flow: Flow) -> list[list[str]]:
    """Circles of steps that never wait for the user, each in the order of the flow.

    A question whose slot is filled is passed over, so it waits in a circle only where something empties the slot,
    where it asks again anyway, or where its answer is checked.
    """
    steps = {step.id: step for step in reversed(flow.steps)}
    onward = {
        source: [edge.target for edge in ways if edge.target in steps]
        for source, ways in edges(flow).items()
        if not _surely_waits(steps[source])
    }
    onward = {source: [each for each in targets if each in onward] for source, targets in onward.items()}
    order = {step_id: at for at, step_id in enumerate(steps)}
    circles = [sorted(circle, key=lambda each: -order[each]) for circle in _circles(onward)]
    return [circle for circle in circles if not _waits([steps[each] for each in circle])]


def _surely_waits(step: Step) -> bool:
    return isinstance(step, Confirm) or (isinstance(step, Ask) and (step.again or step.check is not None))


def _waits(circle: list[Step]) -> bool:
    emptied = {
        name
        for step in circle
        if isinstance(step, Put)
        for name, value in step.slots.items()
        if value is None
    }
    return any(isinstance(step, Ask) and step.slot in emptied for step in circle)


def _circles(onward: Mapping[str, list[str]]) -> list[set[str]]:
    """Groups of nodes that all lead to each other, one node alone only where it leads to itself."""
    ahead = {node: _ahead(onward, node) for node in onward}
    found: list[set[str]] = []
    for node in onward:
        if node in ahead[node] and not any(node in circle for circle in found):
            found.append({other for other in ahead[node] if node in ahead.get(other, ())} | {node})
    return found


def _ahead(onward: Mapping[str, list[str]], node: str) -> set[str]:
    seen, waiting = set[str](), list(onward[node])
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += onward.get(here, [])
    return seen


def call_circles(calls: Mapping[str, list[str]]) -> list[list[str]]:
    """Flows that come round to themselves by calling each other, each circle once and in order of its names."""
    known = {name: [each for each in targets if each in calls] for name, targets in calls.items()}
    return [sorted(circle) for circle in _circles(known)]
