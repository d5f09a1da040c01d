"""Forms of the steps of flows: one kind of form for each kind of step."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from botyard.features.chatbots.content import (
    Ask,
    Branch,
    Call,
    Choose,
    Confirm,
    Content,
    Flow,
    Generate,
    Handover,
    Put,
    Say,
    Search,
    Slot,
    Step,
)
from botyard.features.chatbots.editing import free_name
from botyard.features.chatbots.flow_graph import END
from botyard.kit.errors import Invalid
from botyard.web.chatbots.content_forms import condition_of, prose, slots_of, with_words
from botyard.web.forms import Fields

# Kind of step: its word, its icon, what it does.
KINDS: dict[str, tuple[str, str, str]] = {
    "say": ("Say", "message", "Sends a message."),
    "ask": ("Ask", "message-chatbot", "Asks until it has an answer, and remembers it."),
    "choose": ("Choose", "git-branch", "Goes on one way or another, by what is known."),
    "confirm": ("Confirm", "circle-check", "Asks a question of yes or no."),
    "set": ("Remember", "database", "Fills or empties slots."),
    "call": ("Run a flow", "arrows-split", "Runs another flow, then goes on here."),
    "search": ("Search", "search", "Answers from the documents."),
    "generate": ("Generate", "sparkles", "Lets the language model say something."),
    "handover": ("Hand over", "headset", "Calls a person."),
}


def kind_of(step: Step) -> str:
    """The kind of a step, as `do` has it."""
    return str(step.__struct_config__.tag)


def step_of(fields: Fields, content: Content, flow: Flow, *, before: Step | None) -> tuple[Content, Step]:
    """The step of a form, and the content with the response and the slot that it brings along. Raises Invalid."""
    kind = fields["do"]
    if kind not in _READERS:
        raise Invalid("Choose what the step does.", details={"field": "do"})
    content, step = _READERS[kind](fields, content)
    wanted = fields["id"].strip() or (before.id if before else "")
    taken = {each.id for each in flow.steps} | {END}
    step = replace(step, id=wanted or free_name(step.id, taken), next=fields["next"].strip())
    return content, step


def _named(fields: Fields, otherwise: str) -> str:
    return fields["id"].strip() or otherwise


def _words(fields: Fields, content: Content, name: str) -> tuple[Content, str]:
    content, response = with_words(content, fields, otherwise=name)
    if not response:
        raise Invalid("Write what is said.", details={"field": "words"})
    return content, response


def _say(fields: Fields, content: Content) -> tuple[Content, Step]:
    content, response = _words(fields, content, _named(fields, "say"))
    return content, Say(id=response, response=response)


def _ask(fields: Fields, content: Content) -> tuple[Content, Step]:
    slot = fields.needed("slot", "The slot that keeps the answer")
    if slot not in content.slots:
        content = replace(content, slots={**content.slots, slot: Slot()})
    content, response = _words(fields, content, _named(fields, f"ask_{slot}"))
    check = condition_of(fields, "check", content.slots)
    step = Ask(
        id=f"ask_{slot}",
        slot=slot,
        response=response,
        check=check,
        refused=fields["refused"].strip(),
        optional=bool(fields["optional"]),
        again=bool(fields["again"]),
    )
    return content, step


def _confirm(fields: Fields, content: Content) -> tuple[Content, Step]:
    content, response = _words(fields, content, _named(fields, "confirm"))
    return content, Confirm(id="confirm", response=response, no=fields["no"].strip() or END)


def _put(fields: Fields, content: Content) -> tuple[Content, Step]:
    slots = slots_of(fields, content.slots)
    if not slots:
        raise Invalid("Choose a slot to fill or to empty.", details={"field": "slot"})
    return content, Put(id="remember", slots=slots)


def _choose(fields: Fields, content: Content) -> tuple[Content, Step]:
    branches = []
    for key in fields.all("branch"):
        when = condition_of(fields, key, content.slots)
        if when is not None:
            branches.append(Branch(when=when, next=fields[f"{key}-next"].strip() or END))
    return content, Choose(id="choose", branches=branches)


def _call(fields: Fields, content: Content) -> tuple[Content, Step]:
    return content, Call(id="run", flow=fields.needed("flow_called", "The flow to run"))


def _handover(fields: Fields, content: Content) -> tuple[Content, Step]:
    return content, Handover(id="handover", reason=fields["reason"].strip())


def _search(fields: Fields, content: Content) -> tuple[Content, Step]:
    return content, Search(id="search", slot=fields["slot"].strip())


def _generate(fields: Fields, content: Content) -> tuple[Content, Step]:
    prompt = prose(fields["prompt"])
    if not prompt:
        raise Invalid("Write what the language model is to say.", details={"field": "prompt"})
    return content, Generate(id="generate", prompt=prompt)


_Reader = Callable[[Fields, Content], tuple[Content, Step]]
_READERS: dict[str, _Reader] = {
    "say": _say,
    "ask": _ask,
    "choose": _choose,
    "confirm": _confirm,
    "set": _put,
    "call": _call,
    "search": _search,
    "generate": _generate,
    "handover": _handover,
}


def words_of(content: Content, step: Step) -> str:
    """What a step says first, in words; empty where it says nothing."""
    response: Any = getattr(step, "response", "")
    replies = content.responses.get(response, []) if response else []
    return replies[0].text if replies else ""
