"""A flow as a drawing: steps top-down, branches side by side, every step with its words and a link to its form.

Each step is drawn once, below the first way that leads to it; other ways end in a note that names it. So nothing
crosses, however the ways run.
"""

import textwrap
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlencode

from markupsafe import Markup

from botyard.features.chatbots.content import (
    Ask,
    Call,
    Choose,
    Confirm,
    Content,
    Flow,
    Generate,
    Handover,
    Put,
    Search,
    Step,
)
from botyard.features.chatbots.flow_graph import END, Edge, edges
from botyard.kit.amounts import counted
from botyard.web.chatbots.content_forms import said, shown
from botyard.web.chatbots.step_forms import KINDS, kind_of, words_of

MAX_STEPS = 300  # beyond, ways end in notes
_WIDTH, _SMALL, _GAP, _DROP, _LINE, _PAD = 216, 130, 24, 58, 17, 12
_LETTERS = 30  # of a line
_MAX_LINES = 4


@dataclass
class Node:
    """A box of the drawing with what hangs below it. `step` is empty for notes, `target` what a note leads to."""

    title: str
    lines: list[str] = field(default_factory=list)
    step: str = ""
    target: str = ""
    edge: Edge | None = None
    label: str = ""
    children: list["Node"] = field(default_factory=list)
    small: bool = False
    wide: float = 0
    x: float = 0  # middle
    y: float = 0  # top

    @property
    def width(self) -> int:
        """Of the box."""
        return _SMALL if self.small else _WIDTH

    @property
    def height(self) -> int:
        """Of the box."""
        return 30 if self.small else 2 * _PAD + 14 + _LINE * len(self.lines)


def draw(
    content: Content, flow: Flow, *, path: str, chosen: str = "", troubled: Collection[str] = ()
) -> Markup:
    """The flow as SVG. `path` is the address of its editor; steps in `troubled` are marked."""
    root = _tree(content, flow)
    _measure(root)
    _place(root, root.wide / 2, 1)
    nodes = list(_all(root))
    height = max(node.y + node.height for node in nodes) + 2
    pen = _Pen(path, flow.id, chosen, troubled)
    ways = Markup("").join(pen.way(node, child) for node in nodes for child in node.children)
    boxes = Markup("").join(pen.box(node) for node in nodes)
    name = f"Steps of {flow.name or flow.id}"
    return Markup(
        '<svg class="flow-map" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="group" aria-label="{name}">'
        "{ways}{boxes}</svg>"
    ).format(w=round(root.wide), h=round(height), name=name, ways=ways, boxes=boxes)


def _tree(content: Content, flow: Flow) -> Node:
    ways, steps = edges(flow), {step.id: step for step in reversed(flow.steps)}
    starts = ", ".join(flow.intents[:3]) + (" …" if len(flow.intents) > 3 else "")
    root = Node("Begins", _wrapped(starts or "by a rule, a button or a flow"))
    placed: set[str] = set()
    first = flow.steps[0].id if flow.steps else END
    waiting: list[tuple[Node, Edge]] = [(root, Edge("", first, "next"))]
    while waiting:
        parent, edge = waiting.pop()
        node = _node(content, steps, edge, placed)
        node.edge, node.label = edge, _label(steps.get(edge.source), edge)
        parent.children.append(node)
        if node.step:
            placed.add(node.step)
            waiting += [(node, way) for way in reversed(ways[node.step])]
    return root


def _node(content: Content, steps: dict[str, Step], edge: Edge, placed: set[str]) -> Node:
    target = edge.target
    if target == END:
        return Node("End", small=True)
    if target not in steps:
        return Node(f"No step {_cut(target, 10)}", small=True)
    if target in placed or len(placed) >= MAX_STEPS:
        return Node(f"→ {_cut(target, 16)}", target=target, small=True)
    step = steps[target]
    return Node(
        _cut(f"{KINDS[kind_of(step)][0]} · {step.id}", 32), _wrapped(words(content, step)), step=step.id
    )


def words(content: Content, step: Step) -> str:
    """What a step says or does, as its box tells it."""
    spoken = words_of(content, step)
    match step:
        case Ask():
            return f"{spoken or step.response} → {step.slot}"
        case Put():
            given = [
                f"{name} = {shown(value)}" if value is not None else f"forget {name}"
                for name, value in step.slots.items()
            ]
            return "; ".join(given)
        case Choose():
            return counted(len(step.branches), "branch", "branches")
        case Call():
            return step.flow
        case Handover():
            return step.reason or "to a person"
        case Search():
            return f"the documents for {step.slot}" if step.slot else "the documents for what was said"
        case Generate():
            return step.prompt
        case Confirm():
            return spoken or step.response
    return spoken or getattr(step, "response", "")


def _label(source: Step | None, edge: Edge) -> str:
    if isinstance(source, Choose) and edge.kind == "branch":
        return said(source.branches[edge.branch].when)
    return {"yes": "yes", "no": "no", "else": "else"}.get(edge.kind, "")


def _wrapped(text: str) -> list[str]:
    broad = any(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    width = _LETTERS // 2 if broad else _LETTERS
    return textwrap.wrap(text, width, max_lines=_MAX_LINES, placeholder=" …") or ["–"]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _all(root: Node) -> list[Node]:
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += reversed(node.children)
    return found


def _measure(root: Node) -> None:
    """How wide everything below each node is, from the leaves up."""
    for node in reversed(_all(root)):
        below = sum(child.wide for child in node.children) + _GAP * max(0, len(node.children) - 1)
        node.wide = max(node.width + 4, below)


def _place(root: Node, x: float, y: float) -> None:
    root.x, root.y = x, y
    for node in _all(root):
        below = sum(child.wide for child in node.children) + _GAP * max(0, len(node.children) - 1)
        left = node.x - below / 2
        for child in node.children:
            child.x, child.y = left + child.wide / 2, node.y + node.height + _DROP
            left += child.wide + _GAP


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws boxes and ways with their links."""

    path: str
    flow: str
    chosen: str
    troubled: Collection[str]

    def link(self, **params: object) -> str:
        """An address of the editor."""
        given = {name: value for name, value in params.items() if value not in ("", None, -1)}
        return f"{self.path}?{urlencode({'flow': self.flow, **given})}"

    def box(self, node: Node) -> Markup:
        """A node; a step is a link to its form, a note a link to its step's."""
        kind = "note" if node.small else "step" if node.step else "start"
        left, width = node.x - node.width / 2, node.width
        shape = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="{}"/>').format(
            round(left, 1), round(node.y, 1), width, node.height, 15 if node.small else 10
        )
        inside = shape + self.text(node, left)
        if node.step in self.troubled and node.step:
            inside += Markup('<circle class="trouble" cx="{}" cy="{}" r="5"/>').format(
                round(left + width - 14, 1), round(node.y + 17, 1)
            )
        goal = node.step or node.target
        if not goal:
            inside = (
                Markup('<a href="{}" aria-label="How this flow begins">{}</a>').format(self.link(), inside)
                if kind == "start"
                else inside
            )
            return Markup('<g class="{}">{}</g>').format(kind, inside)
        now = Markup(' aria-current="true"') if node.step and node.step == self.chosen else ""
        name = f"{node.title}: {' '.join(node.lines)}" if node.step else f"Goes on at {goal}"
        name += ", has a problem" if node.step in self.troubled else ""
        return Markup('<g class="{}"><a href="{}" data-step aria-label="{}"{}>{}</a></g>').format(
            kind, self.link(step=goal), name, now, inside
        )

    def text(self, node: Node, left: float) -> Markup:
        """The words in a box."""
        if node.small:
            return Markup('<text class="note-text" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                round(node.x, 1), round(node.y + 19.5, 1), node.title
            )
        title = Markup('<text class="kind" x="{}" y="{}">{}</text>').format(
            round(left + _PAD, 1), round(node.y + _PAD + 9, 1), node.title
        )
        top = node.y + _PAD + 14
        return title + Markup("").join(
            Markup('<text x="{}" y="{}">{}</text>').format(
                round(left + _PAD, 1), round(top + _LINE * (at + 0.85), 1), line
            )
            for at, line in enumerate(node.lines)
        )

    def way(self, node: Node, child: Node) -> Markup:
        """The line to a child, its label, and the sign that puts a step on it."""
        start, bend = node.y + node.height, node.y + node.height + 12
        line = Markup('<path class="way" d="M{} {}V{}H{}V{}"/>').format(
            *(round(each, 1) for each in (node.x, start, bend, child.x, child.y))
        )
        edge = child.edge
        assert edge is not None
        if child.label:
            line += Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                round(child.x, 1), round(bend + 15, 1), _cut(child.label, 22 if child.small else 34)
            )
        way = {"yes": "next", "else": "next"}.get(edge.kind, edge.kind)
        address = self.link(after=edge.source, way=way, branch=edge.branch, add="step")
        middle = bend + 31 if child.label else (start + child.y) / 2
        name = f"Add a step before {child.title}"
        at = {"x": child.x, "y": middle, "l": child.x - 4, "r": child.x + 4, "t": middle - 4, "b": middle + 4}
        return line + Markup(
            '<a class="plus" href="{}" data-step aria-label="{}"><circle cx="{x}" cy="{y}" r="9"/>'
            '<path d="M{l} {y}H{r}M{x} {t}V{b}"/></a>'
        ).format(address, name, **{key: round(each, 1) for key, each in at.items()})
