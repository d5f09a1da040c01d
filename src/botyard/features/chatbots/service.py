"""Chatbots themselves: making, finding, changing, deleting them, and the draft of what they say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, func, select

from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.features.chatbots import content as contents
from botyard.features.chatbots.content import Content
from botyard.features.chatbots.errors import EditedMeanwhile, NoSuchChatbot
from botyard.features.chatbots.models import Chatbot
from botyard.kit.db import Session
from botyard.kit.errors import Invalid, NotFound

Type = Literal["rule", "ai", "hybrid"]
TYPES: tuple[str, ...] = get_args(Type)
MAX_DESCRIPTION = 2000
MAX_CHATBOTS = 1000  # of one account
MAX_CONTENT = 2 * 1024 * 1024  # bytes of JSON; a draft is read for each message that it answers


@dataclass(frozen=True, slots=True)
class ChatbotInfo:
    """One chatbot as people see it. `status`: draft, training, trained, deployed."""

    id: str
    owner_id: int
    name: str
    description: str | None
    type: str
    status: str
    created_at: datetime
    updated_at: datetime
    dataset_id: str | None = None
    revision: int = 0


async def create(
    session: Session,
    *,
    owner_id: int,
    name: str,
    description: str | None = None,
    type: str = "hybrid",  # noqa: A002 - the document's word
    content: Any = None,
    actor: Principal | None = None,
    address: str = "",
) -> ChatbotInfo:
    """Make a chatbot with a draft of its content, empty where none is given. Raises Invalid."""
    draft = _written(contents.read({} if content is None else content))
    checked = _type(type)
    about = _description(description)
    if await bots.count(session, kind=BotKind.chatbot, owner_id=owner_id) >= MAX_CHATBOTS:
        raise Invalid(f"An account has at most {MAX_CHATBOTS} chatbots; delete one that is not needed.")
    bot = await bots.create(
        session, owner_id=owner_id, kind=BotKind.chatbot, name=name, actor=actor, address=address
    )
    await session.flush()
    row = Chatbot(
        id=bot.id,
        owner_id=owner_id,
        description=about,
        type=checked,
        status="draft",
        content=draft,
        revision=0,
        dataset_id=None,
    )
    session.add(row)
    await session.flush()
    return _info(bot, row)


async def get(session: Session, chatbot_id: str, *, owner_id: int) -> ChatbotInfo:
    """One chatbot of an account. Raises NoSuchChatbot, also for another account's."""
    return _info(*await _pair(session, chatbot_id, owner_id))


async def list_page(
    session: Session,
    *,
    owner_id: int,
    limit: int,
    offset: int = 0,
    type: str = "",  # noqa: A002 - the document's word
    status: str = "",
) -> tuple[list[ChatbotInfo], int]:
    """Chatbots of an account, newest first, and how many there are in all."""
    fitting = _fitting(owner_id, type, status)
    query = select(Bot, Chatbot).join(Chatbot, Chatbot.id == Bot.id).where(*fitting)
    count = select(func.count()).select_from(Bot).join(Chatbot, Chatbot.id == Bot.id).where(*fitting)
    total = await session.scalar(count)
    rows = await session.execute(
        query.order_by(Bot.created_at.desc(), Bot.id.desc()).limit(limit).offset(offset)
    )
    return [_info(bot, row) for bot, row in rows], int(total or 0)


async def update(
    session: Session,
    chatbot_id: str,
    *,
    owner_id: int,
    name: str | None = None,
    description: str | None = None,
    type: str | None = None,  # noqa: A002
) -> ChatbotInfo:
    """Change what is given; the rest stays. What is deployed goes on as it was frozen."""
    bot, row = await _pair(session, chatbot_id, owner_id, lock=True)
    if type is not None:
        row.type = _type(type)
    if description is not None:
        row.description = _description(description)
    await bots.update(session, bot, name=name)
    await session.flush()
    return _info(bot, row)


async def delete(
    session: Session, chatbot_id: str, *, owner_id: int, actor: Principal, address: str = ""
) -> None:
    """Remove a chatbot with its versions and conversations; its datasets stay."""
    bot, _ = await _pair(session, chatbot_id, owner_id)
    await bots.delete(session, bot, actor=actor, address=address)


async def read_content(session: Session, chatbot_id: str, *, owner_id: int) -> tuple[Content, int]:
    """The draft and its revision, which `save_content` asks for."""
    _, row = await _pair(session, chatbot_id, owner_id)
    return contents.read(row.content), row.revision


async def save_content(
    session: Session, chatbot_id: str, content: Content, *, owner_id: int, revision: int | None = None
) -> int:
    """Replace the draft and answer its new revision.

    With `revision`, only while nobody else saved since: raises EditedMeanwhile.
    """
    bot, row = await _pair(session, chatbot_id, owner_id, lock=True)
    if revision is not None and revision != row.revision:
        raise EditedMeanwhile
    row.content = _written(content)
    row.revision += 1
    await bots.update(session, bot)
    return row.revision


async def hold(session: Session, chatbot_id: str, *, owner_id: int | None = None) -> Chatbot:
    """The chatbot's row, locked until the commit. Raises NoSuchChatbot."""
    row = await session.get(Chatbot, chatbot_id, with_for_update=True)
    if row is None or owner_id not in (None, row.owner_id):
        raise NoSuchChatbot
    return row


async def _pair(
    session: Session, chatbot_id: str, owner_id: int, *, lock: bool = False
) -> tuple[Bot, Chatbot]:
    try:
        bot = await bots.get(session, chatbot_id, kind=BotKind.chatbot, owner_id=owner_id)
    except NotFound:
        raise NoSuchChatbot from None
    row = await session.get(Chatbot, chatbot_id, with_for_update=lock or None)
    if row is None:
        raise NoSuchChatbot
    return bot, row


def _fitting(owner_id: int, type_: str, status: str) -> list[ColumnElement[bool]]:
    conditions = [Bot.owner_id == owner_id, Bot.kind == BotKind.chatbot]
    if type_:
        conditions.append(Chatbot.type == type_)
    if status:
        conditions.append(Chatbot.status == status)
    return conditions


def _info(bot: Bot, row: Chatbot) -> ChatbotInfo:
    return ChatbotInfo(
        id=bot.id,
        owner_id=bot.owner_id,
        name=bot.name,
        description=row.description,
        type=row.type,
        status=row.status,
        created_at=bot.created_at,
        updated_at=bot.updated_at,
        dataset_id=row.dataset_id,
        revision=row.revision,
    )


def _written(content: Content) -> dict[str, Any]:
    written = contents.write(content)
    if len(msgspec.json.encode(written)) > MAX_CONTENT:
        raise Invalid(
            f"The content of a chatbot has at most {MAX_CONTENT // 1024**2} MiB; divide it among several."
        )
    return written


def _type(value: str) -> str:
    if value not in TYPES:
        raise Invalid(f"The type of a chatbot is one of {', '.join(TYPES)}.", details={"field": "type"})
    return value


def _description(value: str | None) -> str | None:
    if value is not None and len(value) > MAX_DESCRIPTION:
        raise Invalid(
            f"A description has at most {MAX_DESCRIPTION} characters.", details={"field": "description"}
        )
    return value
