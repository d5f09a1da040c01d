"""The domain: intents, entities, slots, responses, forms."""

import json
import re
from collections.abc import Callable
from typing import Any

from botyard.features.chatbots.content import Button, Condition, Entity, Intent, Reply, Slot, SlotType
from botyard.features.chatbots.formats.rasa.draft import Draft, free, named
from botyard.features.chatbots.formats.reading import items, mapping

_TYPES: dict[str, SlotType] = {
    "text": "text",
    "str": "text",
    "float": "number",
    "int": "number",
    "bool": "bool",
    "categorical": "category",
    "list": "list",
    "any": "any",
    "unfeaturized": "any",
}
_WRITTEN = {"number": "float", "category": "categorical"}
_INTENT = re.compile(r"/([^{}\s(]+)\s*(\{.*\})?\s*$", re.DOTALL)
_SET_SLOTS = re.compile(r"/SetSlots\((.*)\)\s*$", re.DOTALL)
_KEPT = ("session_config", "actions", "e2e_actions")  # nothing here needs them, exports give them back
_FILLED_BY_ITSELF = {"from_entity", "from_text", "from_llm", "controlled"}


def read(draft: Draft, sections: list[dict[str, Any]]) -> None:
    """Take in the domain, which may lie in several files: what slots need of entities is read before them."""
    readers: dict[str, Callable[[Draft, Any], None]] = {
        "intents": _intents,
        "entities": _entities,
        "slots": _slots,
        "forms": _forms,
        "templates": _responses,  # their name before Rasa 2
        "responses": _responses,
    }
    for key, reader in readers.items():
        for section in sections:
            if section.get(key) is not None:
                reader(draft, section[key])
    for section in sections:
        draft.actions.update(name for name, _ in named(section.get("actions")))
        for key in _KEPT:
            if section.get(key):
                _keep(draft, key, section[key])


def _keep(draft: Draft, key: str, value: Any) -> None:
    kept = draft.extras.setdefault("rasa", {})
    if isinstance(value, list):
        there = kept.setdefault(key, [])
        there += [each for each in value if each not in there]
    else:
        kept[key] = value


def _intents(draft: Draft, section: Any) -> None:
    for name, settings in named(section):
        draft.content.intents.setdefault(name, Intent())
        for key in mapping(settings):
            draft.report.partly("intent", name, f"Its setting `{key}` is for Rasa's policies only.")


def _entities(draft: Draft, section: Any) -> None:
    for name, settings in named(section):
        entity = draft.content.entities.setdefault(name, Entity())
        for key, value in mapping(settings).items():
            if key == "roles":
                entity.roles += [str(each) for each in items(value) if str(each) not in entity.roles]
            else:
                draft.report.partly("entity", name, f"Its setting `{key}` is for Rasa's policies only.")


def _slots(draft: Draft, section: Any) -> None:
    for name, settings in mapping(section).items():
        if name != "requested_slot":  # Rasa's own book-keeping
            draft.content.slots[name] = _slot(draft, name, mapping(settings))


def _slot(draft: Draft, name: str, raw: dict[str, Any]) -> Slot:
    kind = str(raw.get("type", "any"))
    if kind not in _TYPES:
        draft.report.partly(
            "slot", name, f"Its type {kind} is code of the Rasa project; here it takes anything."
        )
    slot = Slot(type=_TYPES.get(kind, "any"), initial=raw.get("initial_value"))
    slot.values = [str(each) for each in items(raw.get("values"))]
    for key in ("min_value", "max_value"):
        if key in raw:
            draft.report.partly(
                "slot", name, "Its bounds are not kept; a check in the flow that asks does that."
            )
    mappings = [mapping(each) for each in items(raw.get("mappings") or raw.get("slot_mappings"))]
    slot.entity = _entity_of(draft, name, mappings, filled=bool(raw.get("auto_fill", "mappings" not in raw)))
    return slot


def _entity_of(draft: Draft, name: str, mappings: list[dict[str, Any]], *, filled: bool) -> str:
    """The entity that fills a slot: the first that its mappings name, in old projects the one of its name."""
    found = ""
    for each in mappings:
        kind = str(each.get("type"))
        if kind == "from_entity" and not found:
            found = str(each.get("entity", name))
            if {"role", "group", "intent", "not_intent"} & each.keys():
                why = "It is filled by its entity whatever role, group or intent it comes with."
                draft.report.partly("slot", name, why)
        elif kind == "from_entity" and each.get("entity") != found:
            draft.report.partly("slot", name, "Only the first entity that fills it is kept.")
        elif kind not in _FILLED_BY_ITSELF:
            why = f"What fills it by `{kind}` is not kept; let a flow set it."
            draft.report.partly("slot", name, why)
    if not mappings and filled and name in draft.content.entities:
        return name
    return found


def _forms(draft: Draft, section: Any) -> None:
    for name, settings in named(section):
        raw = mapping(settings)
        wanted = raw.get("required_slots", raw)
        slots = [slot for slot, _ in named(wanted) if slot not in ("ignored_intents", "required_slots")]
        draft.forms[name] = slots
        _form_mappings(draft, mapping(wanted))
        if raw.get("ignored_intents"):
            draft.report.partly("form", name, "Its ignored intents are not kept: an intent may interrupt it.")


def _form_mappings(draft: Draft, wanted: dict[str, Any]) -> None:
    """In Rasa 2 a form said what fills its slots."""
    for name, mappings in wanted.items():
        known = [mapping(each) for each in items(mappings)]
        if known:
            slot = draft.content.slots.setdefault(name, Slot())
            slot.entity = slot.entity or _entity_of(draft, name, known, filled=False)


def _responses(draft: Draft, section: Any) -> None:
    for name, variations in mapping(section).items():
        replies: list[Reply] = []
        conditional: dict[str, tuple[Condition, list[Reply]]] = {}
        for raw in map(_variation, items(variations)):
            condition = _condition(raw.get("condition"))
            reply = _reply(draft, name, raw)
            if condition is None:
                replies.append(reply)
            else:
                key = repr(condition)
                conditional.setdefault(key, (condition, []))[1].append(reply)
        _store(draft, name, replies, list(conditional.values()))


def _variation(raw: Any) -> dict[str, Any]:
    return {"text": raw} if isinstance(raw, str) else mapping(raw)


def _store(
    draft: Draft, name: str, replies: list[Reply], conditional: list[tuple[Condition, list[Reply]]]
) -> None:
    responses = draft.content.responses
    if replies or not conditional:
        responses[name] = replies
        draft.otherwise[name] = name
    draft.conditional.pop(name, None)
    for condition, those in conditional:
        variant = free(f"{name}_when", set(responses))
        responses[variant] = those
        draft.conditional.setdefault(name, []).append((condition, variant))


def _condition(raw: Any) -> Condition | None:
    tests = []
    for each in map(mapping, items(raw)):
        slot, value = str(each.get("name", "")), each.get("value")
        if value is None:
            tests.append(Condition(slot=slot, test="not_set"))
        else:
            tests.append(Condition(slot=slot, test="equals", value=value))
    if len(tests) > 1:
        return Condition(all=tests)
    return tests[0] if tests else None


def _reply(draft: Draft, name: str, raw: dict[str, Any]) -> Reply:
    text = raw.get("text")
    buttons = [*items(raw.get("buttons")), *items(raw.get("quick_replies"))]
    for key in raw.keys() - {"text", "buttons", "quick_replies", "image", "channel", "condition", "id"}:
        draft.report.partly("response", name, f"Its `{key}` is not kept.")
    return Reply(
        text="" if text is None else str(text),
        channel=str(raw.get("channel") or ""),
        image=str(raw.get("image") or ""),
        buttons=[_button(draft, name, mapping(each)) for each in buttons],
    )


def _button(draft: Draft, name: str, raw: dict[str, Any]) -> Button:
    title = str(raw.get("title") or raw.get("url") or "…")[:200]
    button = Button(title=title, url=str(raw.get("url") or ""))
    payload = str(raw.get("payload") or "").strip()
    if match := _SET_SLOTS.match(payload):
        button.slots = _assignments(match[1])
    elif match := _INTENT.match(payload):
        button.intent = match[1]
        button.slots = _slots_of(draft, name, match[2])
    elif payload and payload != title and not button.url:
        draft.report.partly("response", name, "A button says its title, not another text.")
    return button


def _slots_of(draft: Draft, name: str, raw: str | None) -> dict[str, Any]:
    """Slots that a payload fills: it names entities, and those fill slots."""
    if not raw:
        return {}
    try:
        entities = mapping(json.loads(raw))
    except (ValueError, RecursionError):
        draft.report.partly("response", name, "What a button fills is no JSON.")
        return {}
    by_entity = {slot.entity: key for key, slot in draft.content.slots.items() if slot.entity}
    return {
        key if key in draft.content.slots else by_entity.get(key, key): value
        for key, value in entities.items()
    }


def _assignments(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in text.split(","):
        key, sign, value = part.partition("=")
        if sign and key.strip():
            word = value.strip().strip("\"'")
            found[key.strip()] = {"true": True, "false": False}.get(word.lower(), word)
    return found


def write_slot(slot: Slot) -> dict[str, Any]:
    """One slot as the domain has it."""
    kind = {"type": "from_entity", "entity": slot.entity} if slot.entity else {"type": "from_llm"}
    written: dict[str, Any] = {"type": _WRITTEN.get(slot.type, slot.type), "mappings": [kind]}
    if slot.initial is not None:
        written["initial_value"] = slot.initial
    if slot.values:
        written["values"] = slot.values
    return written


def read_slot(name: str, written: dict[str, Any]) -> Slot:
    """The slot that an import would make of it."""
    return _slot(Draft(), name, written)


def write_replies(replies: list[Reply]) -> list[dict[str, Any]]:
    """One response as the domain has it."""
    return [_written(reply) for reply in replies]


def read_replies(written: list[dict[str, Any]]) -> list[Reply]:
    """The response that an import would make of it."""
    return [_reply(Draft(), "", each) for each in written]


def _written(reply: Reply) -> dict[str, Any]:
    written: dict[str, Any] = {"text": reply.text} if reply.text or not reply.image else {}
    if reply.image:
        written["image"] = reply.image
    if reply.channel:
        written["channel"] = reply.channel
    if reply.buttons:
        written["buttons"] = [_written_button(button) for button in reply.buttons]
    return written


def _written_button(button: Button) -> dict[str, Any]:
    if button.url:
        return {"title": button.title, "url": button.url, "type": "web_url"}
    if button.intent:
        entities = json.dumps(button.slots, ensure_ascii=False) if button.slots else ""
        return {"title": button.title, "payload": f"/{button.intent}{entities}"}
    if button.slots:
        pairs = ", ".join(f"{key}={_word(value)}" for key, value in button.slots.items())
        return {"title": button.title, "payload": f"/SetSlots({pairs})"}
    return {"title": button.title, "payload": button.title}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
