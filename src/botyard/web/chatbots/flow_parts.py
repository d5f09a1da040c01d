"""Responses, intents, rules, slots and entities: for each a list, and beside it the form of the one chosen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from pydantic import BaseModel
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import editing
from botyard.features.chatbots.content import Content, Entity, Intent, Reply, Rule, Slot
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.amounts import counted
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid, NotFound
from botyard.web.chatbots import content_forms, drafts
from botyard.web.chatbots.content_forms import (
    CHOICES,
    SLOT_TYPES,
    entity_of,
    prose,
    replies_of,
    rule_of,
    slot_of,
    with_words,
)
from botyard.web.chatbots.flows import show_part
from botyard.web.chatbots.frame import PATH, ChatbotOf
from botyard.web.forms import Fields, Form
from botyard.web.lists import PageNumber, slice_of
from botyard.web.shell import PageFor, go

router = APIRouter(prefix=PATH + "/flows", route_class=GuardedRoute)


class Wanted(BaseModel):
    """Which one is edited (`new` for another), and what the list is narrowed to."""

    name: str = ""
    new: bool = False
    q: str = ""
    page: PageNumber = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One thing in a list. `key` names it in addresses."""

    key: str
    title: str
    sub: str


class NoSuchPart(NotFound):
    """This chatbot has nothing of that name; somebody may have renamed or deleted it."""

    code = "part_not_found"


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that a chatbot's content is made of."""

    one: str
    about: str
    rows: Callable[[Content, list[str]], Iterator[Row]]
    save: Callable[[Content, str, Fields], tuple[Content, str]]  # answers the key that it has now
    delete: Callable[[Content, str], Content]
    value: Callable[[Content, str], Any]


@router.get("/{part}")
async def page(
    page: PageFor, chatbot: ChatbotOf, reader: Reader, part: str, wanted: Annotated[Wanted, Query()]
) -> Response:
    """The list of a part, and the form of the one that was chosen."""
    kind = _part(part)
    draft = await drafts.read(reader, chatbot)
    words = wanted.q.strip().lower()
    rows = [
        row
        for row in kind.rows(draft.content, draft.intents)
        if words in f"{row.key}\n{row.title}\n{row.sub}".lower()
    ]
    path = drafts.address(chatbot.id, part)
    shown, pager = slice_of(rows, path=path, params={"q": wanted.q}, page=wanted.page, what=part)
    value = None if wanted.new or not wanted.name else kind.value(draft.content, wanted.name)
    return show_part(
        page,
        chatbot,
        draft,
        part,
        piece="_parts.html",
        kind=kind,
        path=path,
        rows=shown,
        pager=pager,
        q=wanted.q,
        name=wanted.name,
        new=wanted.new,
        value=value,
        problems=draft.checked.of(part, wanted.name) if wanted.name else [],
        troubled={each.name for each in draft.checked.of(part)},
        uses=editing.uses_of_response(draft.content, wanted.name) if part == "responses" else 0,
        forms=content_forms,
        choices=CHOICES,
        slot_types=SLOT_TYPES,
        unanswered=draft.unanswered if part == "intents" else [],
        started=[flow for flow in draft.content.flows if part == "intents" and wanted.name in flow.intents],
    )


@router.post("/{part}")
async def save(request: Request, chatbot: ChatbotOf, part: str, form: Form, session: Session) -> Response:
    """Keep one of a part, under another name where it was renamed."""
    kind = _part(part)
    content = await drafts.content_of(session, chatbot, form)
    content, key = kind.save(content, form["was"], form)
    await drafts.save(session, chatbot, content, form)
    said = f"The {kind.one} is saved."
    if form["then"] == "next":
        key, said = await _next_unanswered(session, chatbot, key)
    address = f"{drafts.address(chatbot.id, part)}?{urlencode({'name': key})}"
    return go(request, address, said)


async def _next_unanswered(session: UnitOfWork, chatbot: ChatbotInfo, key: str) -> tuple[str, str]:
    """The intent to answer after this one, in the order of the list, beginning anew at its end."""
    draft = await drafts.read(session, chatbot)
    left = draft.unanswered
    if not left:
        return key, "The intent is saved. Every intent has an answer now."
    below = draft.intents[draft.intents.index(key) :] if key in draft.intents else []
    following = next((name for name in below if name in left), left[0])
    return following, f"{key} is saved; {len(left)} left without an answer."


@router.post("/{part}/delete")
async def delete(request: Request, chatbot: ChatbotOf, part: str, form: Form, session: Session) -> Response:
    """Remove one of a part; what names it stays, and is shown as a problem."""
    kind = _part(part)
    content = await drafts.content_of(session, chatbot, form)
    await drafts.save(session, chatbot, kind.delete(content, form["was"]), form)
    return go(request, drafts.address(chatbot.id, part), f"The {kind.one} is deleted.")


@router.post("/rules/move")
async def move_rule(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Let a rule have its turn earlier or later."""
    content = await drafts.content_of(session, chatbot, form)
    at = _number(content, form["was"])
    to = at + (-1 if form["to"] == "earlier" else 1)
    if 0 <= to < len(content.rules):
        rules = list(content.rules)
        rules[at], rules[to] = rules[to], rules[at]
        await drafts.save(session, chatbot, replace(content, rules=rules), form)
    else:
        to = at
    return go(request, f"{drafts.address(chatbot.id, 'rules')}?name={to}")


def _part(name: str) -> Part:
    if name not in PARTS:
        raise NotFound
    return PARTS[name]


def _among(things: dict[str, Any], name: str) -> Any:
    if name not in things:
        raise NoSuchPart
    return things[name]


def _without(things: dict[str, Any], name: str) -> dict[str, Any]:
    _among(things, name)
    return {key: each for key, each in things.items() if key != name}


def _new_name(form: Fields, things: dict[str, Any], was: str) -> str:
    name = form.needed("name", "The name")
    if name != was and name in things:
        raise Invalid("Something else has that name; choose another.", details={"field": "name"})
    return name


def _response_rows(content: Content, _: list[str]) -> Iterator[Row]:
    for name, replies in content.responses.items():
        words = next((reply.text for reply in replies if reply.text), "")
        more = f" · {len(replies)} wordings" if len(replies) > 1 else ""
        yield Row(name, name, words[:140] + more)


def _save_response(content: Content, was: str, form: Fields) -> tuple[Content, str]:
    name = _new_name(form, content.responses, was)
    replies = replies_of(form, content.slots)
    if not replies:
        raise Invalid("Write at least one wording.", details={"field": "0-text"})
    if was and was != name:
        _among(content.responses, was)
        content = editing.rename_response(content, was, name)
    return replace(content, responses={**content.responses, name: replies}), name


def _intent_rows(content: Content, known: list[str]) -> Iterator[Row]:
    flows: dict[str, list[str]] = {}
    for flow in content.flows:
        for intent in flow.intents:
            flows.setdefault(intent, []).append(flow.name or flow.id)
    called = set(content.settings.handover.intents)
    for name in known:
        known_as = content.intents.get(name, Intent())
        started = flows.get(name, [])
        leads = ["calls a person"] if name in called else []
        leads += [f"starts {each}" for each in started]
        leads += [f"says {known_as.response}"] if known_as.response and not started else []
        yield Row(name, known_as.title or name, ", ".join(leads) or "nothing answers it here")


def _save_intent(content: Content, was: str, form: Fields) -> tuple[Content, str]:
    name = was or _new_name(form, content.intents, was)
    content, response = with_words(content, form, otherwise=name)
    title, about = form["title"].strip(), prose(form["description"])
    intent = Intent(response=response, title=title, description=about)
    return replace(content, intents={**content.intents, name: intent}), name


def _rule_rows(content: Content, _: list[str]) -> Iterator[Row]:
    for number, rule in enumerate(content.rules):
        said = f"“{rule.phrase}”" if rule.phrase else " + ".join(rule.words)
        goal = f"starts {rule.flow}" if rule.flow else f"says {rule.response}"
        yield Row(str(number), said or "no words", goal)


def _number(content: Content, key: str) -> int:
    number = int(key) if key.isdecimal() and len(key) < 6 else -1
    if not 0 <= number < len(content.rules):
        raise NoSuchPart
    return number


def _save_rule(content: Content, was: str, form: Fields) -> tuple[Content, str]:
    phrase = form["phrase"].strip() or " ".join(form["words_all"].split())
    otherwise = "_".join(phrase.lower().split())[:60]
    content, response = with_words(content, form, otherwise=otherwise)
    rule = rule_of(form, response)
    if not rule.phrase and not rule.words:
        raise Invalid("Write the words or the phrase that it is about.", details={"field": "words_all"})
    if not rule.response and not rule.flow:
        raise Invalid("Choose what it leads to: a response or a flow.", details={"field": "flow"})
    rules = list(content.rules)
    if was:
        rules[_number(content, was)] = rule
    else:
        rules.append(rule)
    return replace(content, rules=rules), was or str(len(rules) - 1)


def _delete_rule(content: Content, key: str) -> Content:
    gone = _number(content, key)
    return replace(content, rules=[each for at, each in enumerate(content.rules) if at != gone])


def _slot_rows(content: Content, _: list[str]) -> Iterator[Row]:
    for name, slot in content.slots.items():
        kind = ", ".join(slot.values) if slot.values else SLOT_TYPES[slot.type]
        filled = f" · filled by {slot.entity}" if slot.entity else ""
        yield Row(name, name, f"{kind[:120]}{filled}")


def _save_slot(content: Content, was: str, form: Fields) -> tuple[Content, str]:
    name = _new_name(form, content.slots, was)
    slot = slot_of(form)
    if was and was != name:
        _among(content.slots, was)
        content = editing.rename_slot(content, was, name)
    return replace(content, slots={**content.slots, name: slot}), name


def _entity_rows(content: Content, _: list[str]) -> Iterator[Row]:
    for name, entity in content.entities.items():
        parts = [
            (len(entity.values), "value"),
            (len(entity.patterns), "pattern"),
            (len(entity.roles), "role"),
        ]
        told = [counted(number, word) for number, word in parts if number]
        yield Row(name, name, ", ".join(told) or "marked in examples only")


def _save_entity(content: Content, was: str, form: Fields) -> tuple[Content, str]:
    name = _new_name(form, content.entities, was)
    entity = entity_of(form)
    if was and was != name:
        _among(content.entities, was)
    entities: dict[str, Entity] = {
        (name if key == was else key): each for key, each in content.entities.items()
    }
    content = replace(content, entities={**entities, name: entity})
    if was and was != name:
        slots = {
            key: replace(slot, entity=name) if slot.entity == was else slot
            for key, slot in content.slots.items()
        }
        content = replace(content, slots=slots)
    return content, name


def _rule_value(content: Content, key: str) -> Rule:
    return content.rules[_number(content, key)]


def _intent_value(content: Content, key: str) -> Intent:
    return content.intents.get(key, Intent())


def _response_value(content: Content, key: str) -> list[Reply]:
    found: list[Reply] = _among(content.responses, key)
    return found


def _slot_value(content: Content, key: str) -> Slot:
    found: Slot = _among(content.slots, key)
    return found


PARTS: dict[str, Part] = {
    "responses": Part(
        "response",
        "What is said, by name. Of several wordings one is chosen; languages and channels have their own.",
        _response_rows,
        _save_response,
        lambda content, key: replace(content, responses=_without(content.responses, key)),
        _response_value,
    ),
    "intents": Part(
        "intent",
        "What people mean, and the answer where no flow starts on it.",
        _intent_rows,
        _save_intent,
        lambda content, key: replace(content, intents=_without(content.intents, key)),
        _intent_value,
    ),
    "rules": Part(
        "rule",
        "Words that lead straight to an answer, without training. The first rule that fits has its way.",
        _rule_rows,
        _save_rule,
        _delete_rule,
        _rule_value,
    ),
    "slots": Part(
        "slot",
        "What is remembered of a conversation.",
        _slot_rows,
        _save_slot,
        lambda content, key: replace(content, slots=_without(content.slots, key)),
        _slot_value,
    ),
    "entities": Part(
        "entity",
        "Things that are recognised in messages: values with their synonyms, and patterns.",
        _entity_rows,
        _save_entity,
        lambda content, key: replace(content, entities=_without(content.entities, key)),
        lambda content, key: _among(content.entities, key),
    ),
}
