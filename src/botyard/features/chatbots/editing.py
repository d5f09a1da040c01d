"""Changes to what a chatbot says and does that touch several places at once: renaming, adding, moving, deleting.

Pure: each takes a content, or a part of one, and answers another. Ways between steps keep what they mean: what led
to a deleted step leads to the one behind it, and a new step stands on the way that it was put on.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from botyard.features.chatbots.content import (
    Choose,
    Confirm,
    Content,
    Flow,
    Step,
)
from botyard.features.chatbots.flow_graph import END
from botyard.kit.errors import Invalid, NotFound

MAX_STEPS = 500  # of one flow


class NoSuchFlow(NotFound):
    """This chatbot has no such flow; somebody may have deleted it meanwhile."""

    code = "flow_not_found"


class NoSuchStep(NotFound):
    """This flow has no such step; somebody may have deleted it meanwhile."""

    code = "step_not_found"


def find_flow(content: Content, flow_id: str) -> Flow:
    """A flow by its id; of several the one that runs. Raises NoSuchFlow."""
    found = [flow for flow in content.flows if flow.id == flow_id]
    if not found:
        raise NoSuchFlow
    return found[-1]


def find_step(flow: Flow, step_id: str) -> Step:
    """A step by its id. Raises NoSuchStep."""
    return flow.steps[_place(flow, step_id)]


def put_flow(content: Content, flow: Flow) -> Content:
    """The content with this flow in the place of the one with its id, or as its last one."""
    places = [at for at, each in enumerate(content.flows) if each.id == flow.id]
    flows = list(content.flows)
    if places:
        flows[places[-1]] = flow
    else:
        flows.append(flow)
    return replace(content, flows=flows)


def delete_flow(content: Content, flow_id: str) -> Content:
    """The content without a flow. What leads to it stays, and the checker tells of it. Raises NoSuchFlow."""
    gone = find_flow(content, flow_id)
    return replace(content, flows=[flow for flow in content.flows if flow is not gone])


def free_name(wanted: str, taken: "set[str] | frozenset[str]") -> str:
    """The name, or the name with the first number that makes it one of its own."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def insert_step(flow: Flow, step: Step, *, after: str = "", way: str = "next", branch: int = -1) -> Flow:
    """Put a step on a way: the one from the beginning (`after` empty), or from a step.

    `way` is next, no, or branch with its number. What the way led to follows the new step.
    """
    if any(each.id == step.id for each in flow.steps) or step.id == END:
        raise Invalid("Another step of this flow has that name; choose another.", details={"field": "id"})
    if len(flow.steps) >= MAX_STEPS:
        raise Invalid(f"A flow has at most {MAX_STEPS} steps; move some to a flow of their own.")
    if not after:
        return replace(flow, steps=[step, *flow.steps])
    at = _place(flow, after)
    from_step = flow.steps[at]
    match from_step:
        case Confirm() if way == "no":
            return _at_end(flow, from_step, replace(from_step, no=step.id), replace(step, next=from_step.no))
        case Choose() if way == "branch" and 0 <= branch < len(from_step.branches):
            branches = list(from_step.branches)
            target = branches[branch].next
            branches[branch] = replace(branches[branch], next=step.id)
            return _at_end(flow, from_step, replace(from_step, branches=branches), replace(step, next=target))
    steps = list(flow.steps)
    steps[at : at + 1] = [replace(from_step, next=""), replace(step, next=from_step.next)]
    return replace(flow, steps=steps)


def _at_end(flow: Flow, old: Step, new: Step, last: Step) -> Flow:
    """With `new` in the place of `old` and `last` as the last step, which nothing falls into by its place."""
    steps = [new if each is old else each for each in flow.steps]
    if not steps[-1].next:
        steps[-1] = replace(steps[-1], next=END)
    return replace(flow, steps=[*steps, last])


def put_step(flow: Flow, step_id: str, step: Step) -> Flow:
    """The flow with `step` in the place of the one called `step_id`; ways follow its new name. Raises NoSuchStep."""
    at = _place(flow, step_id)
    if step.id != step_id and (step.id == END or any(each.id == step.id for each in flow.steps)):
        raise Invalid("Another step of this flow has that name; choose another.", details={"field": "id"})
    steps = list(flow.steps)
    steps[at] = step
    return replace(flow, steps=[_redirected(each, {step_id: step.id}) for each in steps])


def delete_step(flow: Flow, step_id: str) -> Flow:
    """The flow without a step; what led to it leads to what it went on to. Raises NoSuchStep."""
    at = _place(flow, step_id)
    gone = flow.steps[at]
    behind = flow.steps[at + 1].id if at + 1 < len(flow.steps) else END
    onward = gone.next or behind
    if onward == step_id:
        onward = END
    steps = [each for each in flow.steps if each is not gone]
    if at and not steps[at - 1].next and gone.next:
        steps[at - 1] = replace(steps[at - 1], next=onward)
    return replace(flow, steps=[_redirected(each, {step_id: onward}) for each in steps])


def move_step(flow: Flow, step_id: str, *, by: int) -> Flow:
    """The flow with a step one place earlier (-1) or later (1). At the edge nothing changes. Raises NoSuchStep.

    Where one of the two follows the other, they change places on the way as well.
    """
    first = _place(flow, step_id) + min(by, 0)
    if not 0 <= first < len(flow.steps) - 1:
        return flow
    one, two = flow.steps[first : first + 2]
    steps = list(flow.steps)
    if (one.next or two.id) != two.id:
        steps[first : first + 2] = [two, one]
        return replace(flow, steps=steps)
    steps[first : first + 2] = [replace(two, next=""), replace(one, next=two.next)]
    others = [each.id for each in steps if each.id not in (one.id, two.id)]
    return replace(
        flow, steps=[_redirected(each, {one.id: two.id}) if each.id in others else each for each in steps]
    )


def _place(flow: Flow, step_id: str) -> int:
    for at, step in enumerate(flow.steps):
        if step.id == step_id:
            return at
    raise NoSuchStep


def _redirected(step: Step, names: dict[str, str]) -> Step:
    """The step with its ways to other names."""
    changed: Step = replace(step, next=names.get(step.next, step.next)) if step.next else step
    match changed:
        case Confirm():
            return replace(changed, no=names.get(changed.no, changed.no))
        case Choose():
            branches = [replace(each, next=names.get(each.next, each.next)) for each in changed.branches]
            return replace(changed, branches=branches)
    return changed


def rename_response(content: Content, old: str, new: str) -> Content:
    """The content with a response under another name, wherever it is said."""
    if new in content.responses:
        raise Invalid("Another response has that name; choose another.", details={"field": "name"})
    responses = {new if name == old else name: replies for name, replies in content.responses.items()}
    return _everywhere(replace(content, responses=responses), _renaming("response", old, new))


def rename_slot(content: Content, old: str, new: str) -> Content:
    """The content with a slot under another name, wherever it is used; also `{slot}` in what is said."""
    if new in content.slots:
        raise Invalid("Another slot has that name; choose another.", details={"field": "name"})
    slots = {new if name == old else name: slot for name, slot in content.slots.items()}
    return _everywhere(replace(content, slots=slots), _renaming("slot", old, new))


Change = Callable[[str, Any], Any]
# Fields that hold the name of a response or of a slot, and no other text.
_FIELDS = {
    "response": {"response", "refused", "greeting", "fallback", "queued", "closed", "refusal"},
    "slot": {"slot"},
}


def _renaming(what: str, old: str, new: str) -> Change:
    def change(field: str, value: Any) -> Any:
        if field in _FIELDS[what] and value == old:
            return new
        if what == "slot" and field == "slots" and isinstance(value, dict) and old in value:
            return {new if name == old else name: each for name, each in value.items()}
        if what == "slot" and field == "text" and isinstance(value, str):
            return value.replace(f"{{{old}}}", f"{{{new}}}") if f"{{{old}}}" in value else value
        return value

    return change


def _everywhere(content: Content, change: Change) -> Content:
    """The content with `change` put on every field of everything in it but its dictionaries' own names."""
    parts = {
        name: _changed(getattr(content, name), change)
        for name in ("intents", "responses", "flows", "rules", "settings")
    }
    return replace(content, **parts)


def _changed(value: Any, change: Change) -> Any:
    """The value after the change; the very same where nothing in it changed."""
    if isinstance(value, list):
        made = [_changed(each, change) for each in value]
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
    if isinstance(value, dict):
        items = {name: _changed(each, change) for name, each in value.items()}
        return items if any(items[name] is not each for name, each in value.items()) else value
    fields = getattr(value, "__struct_fields__", None)
    if fields is None:
        return value
    new = {name: change(name, _changed(getattr(value, name), change)) for name in fields}
    return replace(value, **new) if any(new[name] is not getattr(value, name) for name in fields) else value


def uses_of_response(content: Content, name: str) -> int:
    """In how many places a response is said."""
    found = 0

    def count(field: str, value: Any) -> Any:
        nonlocal found
        found += field in _FIELDS["response"] and value == name
        return value

    _everywhere(content, count)
    return found
