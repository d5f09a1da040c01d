"""Forms of what a chatbot says and does, read into its structures, and values as such forms show them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, get_args

import msgspec
from msgspec.structs import replace

from botyard.features.chatbots.content import (
    Button,
    Condition,
    Content,
    Entity,
    Operator,
    Reply,
    Rule,
    Slot,
    SlotType,
)
from botyard.features.chatbots.editing import free_name
from botyard.kit.errors import Invalid
from botyard.web.forms import Fields

OPERATORS: dict[str, str] = {
    "is_set": "is known",
    "not_set": "is not known",
    "equals": "is",
    "not_equals": "is not",
    "greater": "is more than",
    "less": "is less than",
    "contains": "contains",
    "one_of": "is one of",
}
SLOT_TYPES: dict[str, str] = {
    "text": "text",
    "number": "a number",
    "bool": "yes or no",
    "category": "one of several values",
    "list": "a list",
    "any": "anything",
}
# What choosing a button does; the first is for a button without a meaning of its own.
CHOICES = {
    "": "says its title, or fills slots",
    "flow": "starts the flow",
    "intent": "means the intent",
    "url": "opens",
}
_WITHOUT_VALUE = ("is_set", "not_set")
_YES, _NO = ("yes", "true"), ("no", "false")


def shown(value: Any) -> str:
    """A value as a form shows it; `typed` reads it back."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(each, (str, int, float)) for each in value):
            return ", ".join(shown(each) for each in value)
        case str():
            return value
    return json.dumps(value, ensure_ascii=False)


def typed(text: str, slot: Slot | None, *, field: str) -> Any:
    """What was typed as a value of a slot; nothing is None. Raises Invalid where it does not fit the slot."""
    text = text.strip()
    kind = slot.type if slot else "any"
    if not text:
        return None
    if kind == "number":
        return _number(text, field)
    if kind == "bool":
        if text.lower() not in _YES + _NO:
            raise Invalid(f"{text} is not yes or no, as this slot wants it.", details={"field": field})
        return text.lower() in _YES
    if kind == "list":
        return listed(text)
    return text if kind in ("text", "category") else _free(text)


def _number(text: str, field: str) -> int | float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e15:
        raise Invalid(f"{text} is not a number, as this slot wants it.", details={"field": field})
    return int(value) if value.is_integer() else value


def _free(text: str) -> Any:
    """A number, yes, no or JSON where it is that, else the text itself."""
    if text.lower() in ("yes", "no"):
        return text.lower() == "yes"
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def listed(text: str) -> list[str]:
    """Words that commas or line ends part."""
    return [each for part in text.splitlines() for each in map(str.strip, part.split(",")) if each]


def lines(text: str) -> list[str]:
    """Lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def prose(text: str) -> str:
    """As it was typed: browsers send line ends of two characters."""
    return text.replace("\r\n", "\n").strip()


class ConditionForm(msgspec.Struct):
    """A condition as rows of slot, test and value; `raw` is JSON where it is nested deeper than that."""

    join: str = "all"
    rows: list[tuple[str, str, str]] = []
    raw: str = ""


def condition_form(condition: Condition | None) -> ConditionForm:
    """The form of a condition; one empty row where there is none."""
    if condition is None:
        return ConditionForm(rows=[])
    single = not condition.all and not condition.any
    parts = [condition] if single else condition.all or condition.any
    if any(each.all or each.any for each in parts):
        return ConditionForm(raw=json.dumps(msgspec.to_builtins(condition), indent=2, ensure_ascii=False))
    rows = [(each.slot, str(each.test), shown(each.value)) for each in parts]
    return ConditionForm("any" if condition.any else "all", rows)


def condition_of(fields: Fields, prefix: str, slots: Mapping[str, Slot]) -> Condition | None:
    """The condition of a form, None where it has no rows. Raises Invalid."""
    raw = fields[f"{prefix}-raw"].strip()
    if raw:
        try:
            return msgspec.json.decode(raw, type=Condition)
        except msgspec.DecodeError as error:
            said = f"The condition cannot be read: {error}."
            raise Invalid(said, details={"field": f"{prefix}-raw"}) from None
    names, tests, values = (fields.all(f"{prefix}-{part}") for part in ("slot", "test", "value"))
    parts = [
        _comparison(name.strip(), test, value, slots.get(name.strip()), f"{prefix}-value")
        for name, test, value in zip(names, tests, values, strict=False)
        if name.strip()
    ]
    if len(parts) < 2:
        return parts[0] if parts else None
    return Condition(any=parts) if fields[f"{prefix}-join"] == "any" else Condition(all=parts)


def _comparison(name: str, test: str, text: str, slot: Slot | None, field: str) -> Condition:
    if test not in get_args(Operator):
        raise Invalid("Choose how the slot is compared.", details={"field": field})
    operator = cast("Operator", test)
    if test in _WITHOUT_VALUE:
        return Condition(slot=name, test=operator)
    if not text.strip():
        raise Invalid(f"Write what {name} is compared with.", details={"field": field})
    of_one = slot if slot is None or slot.type != "list" else None
    if test == "one_of":
        value: Any = [typed(each, of_one, field=field) for each in listed(text)]
    else:
        value = text.strip() if test == "contains" else typed(text, of_one, field=field)
    return Condition(slot=name, test=operator, value=value)


def said(condition: Condition | None) -> str:
    """A condition in words."""
    if condition is None:
        return "always"
    for word, parts in (("and", condition.all), ("or", condition.any)):
        if parts:
            return f" {word} ".join(
                f"({said(each)})" if each.all or each.any else said(each) for each in parts
            )
    value = "" if condition.test in _WITHOUT_VALUE else f" {shown(condition.value)}"
    return f"{condition.slot or '?'} {OPERATORS[condition.test]}{value}"


def slots_of(fields: Fields, slots: Mapping[str, Slot]) -> dict[str, Any]:
    """Slots and the values that they get; an empty value empties the slot."""
    pairs = zip(fields.all("slot"), fields.all("value"), strict=False)
    return {
        name.strip(): typed(text, slots.get(name.strip()), field="value")
        for name, text in pairs
        if name.strip()
    }


class Texts(Protocol):
    """Texts by name, as a form has them."""

    def __getitem__(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Prefixed:
    """The fields of a form that belong together: their names begin alike."""

    fields: Fields
    prefix: str

    def __getitem__(self, name: str) -> str:
        return self.fields[f"{self.prefix}-{name}"]


def with_words(content: Content, fields: Texts, *, otherwise: str = "") -> tuple[Content, str]:
    """The response that a form names, and the content in which it has the form's words.

    The words are those of `words_of`: where another response is named that exists, they are left alone. Without a
    name, `otherwise` becomes the name of a new one. Raises Invalid where there would be nothing to say.
    """
    name, words = fields["response"].strip(), prose(fields["words"])
    if not name and words:
        name = free_name(otherwise or "response", set(content.responses))
    if not name:
        return content, ""
    known = content.responses.get(name)
    if known is None:
        if not words:
            text = f"There is no response {name} yet: write its words."
            raise Invalid(text, details={"field": "words"})
        replies = [Reply(text=words)]
    elif fields["words_of"] == name and words and (not known or known[0].text != words):
        first = replace(known[0], text=words) if known else Reply(text=words)
        replies = [first, *known[1:]]
    else:
        return content, name
    return replace(content, responses={**content.responses, name: replies}), name


def replies_of(fields: Fields, slots: Mapping[str, Slot]) -> list[Reply]:
    """The wordings of a response; those without anything to show are left out."""
    found = [
        Reply(
            text=prose(fields[f"{key}-text"]),
            language=fields[f"{key}-language"].strip(),
            channel=fields[f"{key}-channel"].strip(),
            image=fields[f"{key}-image"].strip(),
            buttons=_buttons(fields, key, slots),
        )
        for key in fields.all("wording")
    ]
    return [reply for reply in found if reply.text or reply.buttons or reply.image]


def _buttons(fields: Fields, key: str, slots: Mapping[str, Slot]) -> list[Button]:
    rows = zip(*(fields.all(f"{key}-{part}") for part in ("title", "leads", "target", "fills")), strict=False)
    return [
        _button(title, leads, target, fills, slots) for title, leads, target, fills in rows if title.strip()
    ]


def _button(title: str, leads: str, target: str, fills: str, slots: Mapping[str, Slot]) -> Button:
    target = target.strip()
    if leads and not target:
        text = f"Write what the button {title.strip()} leads to."
        raise Invalid(text, details={"field": "target"})
    if leads == "url" and not target.startswith(("https://", "http://", "mailto:", "tel:")):
        text = f"The address of the button {title.strip()} begins with https://."
        raise Invalid(text, details={"field": "target"})
    return Button(
        title=title.strip(),
        flow=target if leads == "flow" else "",
        intent=target if leads == "intent" else "",
        url=target if leads == "url" else "",
        slots=_fills(fills, slots),
    )


def _fills(text: str, slots: Mapping[str, Slot]) -> dict[str, Any]:
    """`size = 3; name = Ann` as slots and their values."""
    found = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            said = f"{part.strip()} is not a slot and its value: write size = 3."
            raise Invalid(said, details={"field": "fills"})
        found[name.strip()] = typed(value, slots.get(name.strip()), field="fills")
    return found


def fills(button: Button) -> str:
    """What a button fills, as a form shows it."""
    return "; ".join(f"{name} = {shown(value)}" for name, value in button.slots.items())


def leads(button: Button) -> tuple[str, str]:
    """What choosing a button does, and what it leads to."""
    kinds = (("flow", button.flow), ("intent", button.intent), ("url", button.url))
    return next(((kind, target) for kind, target in kinds if target), ("", ""))


def rule_of(fields: Fields, response: str) -> Rule:
    """A rule that leads to a response or a flow."""
    return Rule(
        words=lines(fields["words_all"]),
        phrase=fields["phrase"].strip(),
        response=response,
        flow=fields["flow"].strip(),
    )


def slot_of(fields: Fields) -> Slot:
    """What a chatbot remembers. Raises Invalid."""
    kind = fields["type"]
    if kind not in get_args(SlotType):
        raise Invalid("Choose what the slot holds.", details={"field": "type"})
    slot = Slot(
        type=cast("SlotType", kind),
        values=lines(fields["values"]) if kind == "category" else [],
        entity=fields["entity"].strip(),
        description=prose(fields["description"]),
    )
    if kind == "category" and not slot.values:
        raise Invalid("Write the values that it can have.", details={"field": "values"})
    return replace(slot, initial=typed(fields["initial"], slot, field="initial"))


def entity_of(fields: Fields) -> Entity:
    """Values, one a line as `value = synonym; synonym`, patterns and roles."""
    values: dict[str, list[str]] = {}
    for line in lines(fields["values"]):
        value, _, others = line.partition(" = ")
        synonyms = [each.strip() for each in others.split(";") if each.strip()]
        values[value.strip()] = values.get(value.strip(), []) + synonyms
    return Entity(values=values, patterns=lines(fields["patterns"]), roles=listed(fields["roles"]))


def value_lines(entity: Entity) -> str:
    """The values of an entity as its form shows them."""
    return "\n".join(
        f"{value} = {'; '.join(others)}" if others else value for value, others in entity.values.items()
    )
