"""Templates: content to begin a chatbot with. Some come with the server, the others are their owners' alone.

The content of a template is a chatbot's (`content.Content`) and, beside it, `examples` to train it with. It is
kept as it was given, so that half-finished ones can be stored; `problem` says why one cannot be used yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta, Struct, field
from sqlalchemy import func, select

from botyard.core.accounts import names
from botyard.features.chatbots import content as contents
from botyard.features.chatbots.content import Content
from botyard.features.chatbots.models import ChatTemplate
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Forbidden, Invalid, NotFound

TYPES = ("rule", "ai", "hybrid")
MAX_TEMPLATES = 500  # of one account
MAX_DESCRIPTION = 2000
MAX_BYTES = 1024 * 1024  # of content
_SINCE = datetime(2026, 11, 1, tzinfo=UTC)  # when those of the server were written


class NoSuchTemplate(NotFound):
    """There is no such template."""

    code = "template_not_found"


class BuiltIn(Forbidden):
    """This template comes with the server and cannot be changed; make one of your own with its content."""

    code = "template_built_in"


class TemplateExample(Struct, kw_only=True, omit_defaults=True):
    """Something that people say, and what they mean by it; entities as datasets hold them."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    intent: contents.Name
    entities: list[dict[str, Any]] = field(default_factory=list)
    language: str = ""


class _Examples(Struct):
    examples: list[TemplateExample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a chatbot is made of: its content, and what it is trained with."""

    content: Content
    examples: list[TemplateExample]


@dataclass(frozen=True, slots=True)
class Template:
    """A template, of the server or of an account."""

    id: str
    name: str
    description: str | None
    type: str
    content: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    built_in: bool = False

    @property
    def problem(self) -> str | None:
        """Why no chatbot can be made of it as it stands; None when one can."""
        try:
            read(self.content)
        except Invalid as error:
            return str(error)
        return None


def read(raw: Mapping[str, Any]) -> Beginning:
    """Content and examples of a template's JSON. Raises Invalid, with the place of the first thing that does not fit."""
    try:
        examples = msgspec.convert(dict(raw), _Examples).examples
    except msgspec.ValidationError as error:
        raise Invalid(f"The examples of the template cannot be read: {error}.") from None
    return Beginning(contents.read(raw), examples)


async def list_page(
    session: Session, *, owner_id: int, limit: int, offset: int = 0
) -> tuple[list[Template], int]:
    """A page of the templates that an account may use, and how many there are: the server's first, then its own,
    newest first."""
    given = list(built_in().values())
    own = int(await session.scalar(select(func.count()).where(ChatTemplate.owner_id == owner_id)) or 0)
    first = given[offset : offset + limit]
    query = (
        select(ChatTemplate)
        .where(ChatTemplate.owner_id == owner_id)
        .order_by(ChatTemplate.created_at.desc(), ChatTemplate.id.desc())
        .limit(limit - len(first))
        .offset(max(offset - len(given), 0))
    )
    rows = list(await session.scalars(query)) if len(first) < limit else []
    return [*first, *map(_of, rows)], len(given) + own


async def get(session: Session, template_id: str, *, owner_id: int) -> Template:
    """One template that an account may use. Raises NoSuchTemplate, also for another account's."""
    return built_in().get(template_id) or _of(await _own(session, template_id, owner_id))


async def create(
    session: Session,
    *,
    owner_id: int,
    name: str,
    description: str | None = None,
    type: str = "hybrid",  # noqa: A002 - the document's word
    content: Mapping[str, Any] | None = None,
) -> Template:
    """Make a template of one's own. Raises Invalid."""
    query = select(func.count()).where(ChatTemplate.owner_id == owner_id)
    if int(await session.scalar(query) or 0) >= MAX_TEMPLATES:
        raise Invalid(f"An account has at most {MAX_TEMPLATES} templates; delete one that is not needed.")
    now = clock.now()
    row = ChatTemplate(
        id=ids.new("tpl"),
        owner_id=owner_id,
        name=_name(name),
        description=_description(description),
        type=_type(type),
        content=_content(content or {}),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return _of(row)


async def update(session: Session, template_id: str, *, owner_id: int, **changes: Any) -> Template:
    """Change `name`, `description`, `type` or `content` of one's own template; what is not given stays.

    Raises NoSuchTemplate, BuiltIn, Invalid.
    """
    row = await _own(session, template_id, owner_id, for_change=True)
    for key, value in changes.items():
        setattr(row, key, _checks()[key](value))
    row.updated_at = clock.now()
    await session.flush()
    return _of(row)


async def delete(session: Session, template_id: str, *, owner_id: int) -> None:
    """Remove one's own template; what was made of it stays. Raises NoSuchTemplate, BuiltIn."""
    await session.delete(await _own(session, template_id, owner_id, for_change=True))
    await session.flush()


@cache
def built_in() -> dict[str, Template]:
    """The server's own templates by id, read once, when somebody asks for the first time."""
    folder = files("botyard.features.chatbots") / "templates_built_in"
    found = [_read_file(file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".yaml")]
    return {template.id: template for template in sorted(found, key=lambda template: template.name)}


def _read_file(text: str) -> Template:
    raw = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    examples = [
        {"text": said, "intent": intent} for intent, lines in raw["examples"].items() for said in lines
    ]
    content = {**raw["content"], "examples": examples}
    return Template(
        raw["id"], raw["name"], raw["description"], raw["type"], content, _SINCE, _SINCE, built_in=True
    )


async def _own(
    session: Session, template_id: str, owner_id: int, *, for_change: bool = False
) -> ChatTemplate:
    if for_change and template_id in built_in():
        raise BuiltIn
    row = await session.get(ChatTemplate, template_id, with_for_update=for_change)
    if row is None or row.owner_id != owner_id:
        raise NoSuchTemplate
    return row


def _of(row: ChatTemplate) -> Template:
    return Template(row.id, row.name, row.description, row.type, row.content, row.created_at, row.updated_at)


def _name(value: str) -> str:
    found = names.line(value, what="The name of a template", limit=200)
    if found is None:
        raise Invalid("A template needs a name.", details={"field": "name"})
    return found


def _description(value: str | None) -> str | None:
    if value is not None and len(value) > MAX_DESCRIPTION:
        raise Invalid(f"The description of a template has at most {MAX_DESCRIPTION} characters.")
    return value


def _type(value: str) -> str:
    if value not in TYPES:
        raise Invalid(f"There is no type {value}; known are {', '.join(TYPES)}.", details={"field": "type"})
    return value


def _content(value: Mapping[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(value)) > MAX_BYTES:
        raise Invalid(f"The content of a template has at most {MAX_BYTES} bytes as JSON.")
    return dict(value)


def _checks() -> Mapping[str, Callable[[Any], Any]]:
    return {"name": _name, "description": _description, "type": _type, "content": _content}
