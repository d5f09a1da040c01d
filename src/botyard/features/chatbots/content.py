"""What a chatbot says and does, apart from what it learned: slots, responses, flows, rules and settings.

It is written by people and machines (the editor, templates, imports), frozen in each bot version and read by
the runtime. Everything has a default, so `{}` is a chatbot that only falls back. Text in it is shown, never run:
conditions are data, and what a flow can do is the closed list of its steps.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from botyard.kit.errors import Invalid

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Line = Annotated[str, Meta(min_length=1, max_length=2000)]
Prose = Annotated[str, Meta(max_length=8000)]
# Bounds of what every message is compared with: whoever writes more would hold up everybody else's messages.
Words = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=20)]
MAX_CONDITIONS = 200  # of one step, or of the beginning of one flow
_MAX_VALUE = 2000  # characters, or a tenth of so many values, that a condition compares with
Share = Annotated[float, Meta(ge=0, le=1)]

SlotType = Literal["text", "number", "bool", "category", "list", "any"]
Operator = Literal["is_set", "not_set", "equals", "not_equals", "greater", "less", "contains", "one_of"]
OperatingPoint = Literal["strict", "balanced", "lenient"]


class Button(Struct, kw_only=True, omit_defaults=True):
    """A choice below a message. Choosing it is the intent or flow it names, else the same as saying its title."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    intent: str = ""
    flow: str = ""
    slots: dict[str, Any] = field(default_factory=dict)  # filled when it is chosen
    url: str = ""


class Reply(Struct, kw_only=True, omit_defaults=True):
    """One wording of a response; `{slot}` is replaced by a slot's value. Empty language or channel fits any."""

    text: Prose = ""
    language: str = ""
    channel: str = ""
    buttons: list[Button] = field(default_factory=list)
    image: str = ""


class Slot(Struct, kw_only=True, omit_defaults=True):
    """What a chatbot remembers of a conversation; `entity` fills it whenever it is understood.

    A question for one that is known by its form, such as `email` or an own one with patterns alone, takes no other text.
    """

    type: SlotType = "text"
    values: Annotated[list[str], Meta(max_length=500)] = field(default_factory=list)  # of a category
    entity: str = ""
    initial: Any = None
    description: str = ""


class Condition(Struct, kw_only=True, omit_defaults=True):
    """A question about a slot, or about several conditions (`all`, `any`); exactly one of the three is given."""

    slot: str = ""
    test: Operator = "is_set"
    value: Any = None
    all: list["Condition"] = field(default_factory=list)
    any: list["Condition"] = field(default_factory=list)


class Branch(Struct, kw_only=True, omit_defaults=True):
    """Where a flow goes on when a condition holds."""

    when: Condition
    next: str


class _Step(Struct, kw_only=True, omit_defaults=True, tag_field="do"):
    id: Name
    next: str = ""  # the id of a step; empty means the one that follows in the list, `end` ends the flow


class Say(_Step, tag="say"):
    """Send a response by its name."""

    response: Name


class Ask(_Step, tag="ask"):
    """Ask until a slot is filled; `check` must hold for the answer, else `refused` is said and it asks again."""

    slot: Name
    response: Name
    check: Condition | None = None
    refused: str = ""
    optional: bool = False
    again: bool = False  # ask even when the slot is filled already


class Put(_Step, tag="set"):
    """Give slots values; null empties one."""

    slots: dict[str, Any]


class Choose(_Step, tag="choose"):
    """Go on where the first condition that holds leads, else at `next`."""

    branches: list[Branch]


class Confirm(_Step, tag="confirm"):
    """Ask a yes-or-no question; yes goes on at `next`, no at `no`."""

    response: Name
    no: Name


class Call(_Step, tag="call"):
    """Run another flow, then go on here."""

    flow: Name


class Handover(_Step, tag="handover"):
    """Queue the conversation for a person."""

    reason: str = ""


class Search(_Step, tag="search"):
    """Answer from the chatbot's knowledge; the question is a slot's value, else what was said last."""

    slot: str = ""


class Generate(_Step, tag="generate"):
    """Let the language model say something; it can only talk."""

    prompt: Prose


Step = Say | Ask | Put | Choose | Confirm | Call | Handover | Search | Generate


class Flow(Struct, kw_only=True, omit_defaults=True):
    """A conversation of several turns. It starts on one of its intents, by a rule, a button or a call."""

    id: Name
    name: str = ""
    description: Prose = ""
    intents: list[str] = field(default_factory=list)
    when: Condition | None = None
    steps: Annotated[list[Step], Meta(max_length=1000)] = field(default_factory=list)


class Rule(Struct, kw_only=True, omit_defaults=True):
    """What certain words lead to, without training: a response or a flow. Several that fit: the first one.

    `words`: all of them occur, as whole words, in any order. `phrase`: the whole message, apart from case and
    punctuation.
    """

    words: Words = field(default_factory=list)
    phrase: Annotated[str, Meta(max_length=2000)] = ""
    response: str = ""
    flow: str = ""


class Hours(Struct, kw_only=True, omit_defaults=True):
    """When people are there: for each day, 0 being Monday, spans such as `["09:00", "17:00"]`."""

    timezone: str = "UTC"
    days: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


class HandoverSettings(Struct, kw_only=True, omit_defaults=True):
    """How a person is called in. Without hours somebody is always there."""

    enabled: bool = True
    intents: Annotated[list[str], Meta(max_length=200)] = field(
        default_factory=lambda: ["handover", "talk_to_human"]
    )
    words: Annotated[list[Line], Meta(max_length=200)] = field(
        default_factory=lambda: ["human", "agent", "real person", "operator"]
    )
    after_misses: Annotated[int, Meta(ge=0, le=20)] = 3  # in a row; 0 is never
    hours: Hours | None = None
    queued: str = ""  # names of responses; empty means the built-in sentence
    closed: str = ""


class ModelSettings(Struct, kw_only=True, omit_defaults=True):
    """The language model, where one is used. Its key is in the vault, never here."""

    provider: Literal["", "ollama", "openai"] = ""
    url: str = ""
    model: str = ""
    prompt: Prose = ""  # who the chatbot is and what it may talk about
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.2
    max_tokens: Annotated[int, Meta(ge=1, le=8192)] = 400
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 30.0
    commands: bool = False  # whether it may also understand messages that training did not


class Guard(Struct, kw_only=True, omit_defaults=True):
    """What may not be said: by the user (then `refusal` is answered), by the chatbot (then it is not sent)."""

    blocked_words: Annotated[list[Line], Meta(max_length=2000)] = field(default_factory=list)
    refusal: str = ""
    max_length: Annotated[int, Meta(ge=1, le=8000)] = 4000
    hide_numbers: bool = True  # card and account numbers in what is stored for the inbox


class Settings(Struct, kw_only=True, omit_defaults=True):
    """How sure the chatbot must be, and what it does when it is not."""

    operating_point: OperatingPoint = "balanced"
    clarify_margin: Share = 0.1  # closer than that, the two best intents are offered as buttons
    greeting: str = ""  # names of responses; empty means none, or the built-in sentence
    fallback: str = ""
    knowledge: bool = True  # look for an answer before falling back
    handover: HandoverSettings = field(default_factory=HandoverSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    guard: Guard = field(default_factory=Guard)


class Intent(Struct, kw_only=True, omit_defaults=True):
    """What is known of an intent beside its examples; `response` answers it where no flow starts on it."""

    response: str = ""
    title: str = ""  # for people, on the buttons of a clarification
    description: str = ""


class Entity(Struct, kw_only=True, omit_defaults=True):
    """What is known of an entity beside its examples: values with their synonyms, and patterns."""

    values: dict[str, list[str]] = field(default_factory=dict)
    patterns: Annotated[list[str], Meta(max_length=100)] = field(
        default_factory=list
    )  # regular expressions, each match bounded in time
    roles: list[str] = field(default_factory=list)


class Content(Struct, kw_only=True, omit_defaults=True):
    """Everything together. Names of responses, slots and flows are looked up in their dictionaries."""

    language: str = "en"
    languages: list[str] = field(default_factory=list)  # further ones
    intents: dict[str, Intent] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    slots: Annotated[dict[str, Slot], Meta(max_length=500)] = field(default_factory=dict)
    responses: dict[str, list[Reply]] = field(default_factory=dict)
    flows: list[Flow] = field(default_factory=list)
    rules: Annotated[list[Rule], Meta(max_length=2000)] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)


def read(raw: Any) -> Content:
    """The content of a JSON value. Raises Invalid, with the place of the first thing that does not fit."""
    try:
        content = msgspec.convert(raw, Content)
    except msgspec.ValidationError as error:
        raise Invalid(f"The content of the chatbot cannot be read: {error}.") from None
    for flow in content.flows:
        _check_conditions(flow)
    return content


def conditions_of(step: Step) -> int:
    """How many conditions a step asks at most, those within others included."""
    match step:
        case Choose():
            return sum(_count(branch.when) for branch in step.branches)
        case Ask():
            return _count(step.check)
    return 0


def _check_conditions(flow: Flow) -> None:
    asked = {f"the step {step.id}": conditions_of(step) for step in flow.steps} | {
        "its beginning": _count(flow.when)
    }
    for where, count in asked.items():
        if count > MAX_CONDITIONS:
            raise Invalid(
                f"In the flow {flow.id}, {where} asks more than {MAX_CONDITIONS} conditions; divide it into several."
            )


def _count(condition: Condition | None) -> int:
    """A condition counts as one, with those within it; one that compares with more than it may counts as too many."""
    if condition is None:
        return 0
    value = condition.value
    long = len(value) * (10 if isinstance(value, list) else 1) if isinstance(value, str | list) else 0
    within = sum(_count(one) for one in (*condition.all, *condition.any))
    return 1 + within + (MAX_CONDITIONS if long > _MAX_VALUE else 0)


def write(content: Content) -> dict[str, Any]:
    """The content as JSON values; what equals its default is left out."""
    written: dict[str, Any] = msgspec.to_builtins(content)
    return written
