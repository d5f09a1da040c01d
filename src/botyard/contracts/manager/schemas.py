"""Shapes that several sections of the document share, and how stored things are written in them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from botyard.core.accounts.models import User
from botyard.core.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from botyard.core.accounts.types import Role
from botyard.core.bots.models import Bot
from botyard.core.ingest.reader import Row
from botyard.features.fleet.types import CommandRecord, CommandState
from botyard.kit import clock

Text = Annotated[str, StringConstraints(min_length=1)]
# The description only; the accounts themselves refuse, and say why in one sentence for all documents.
NewPassword = Annotated[Text, Field(json_schema_extra={"minLength": MIN_LENGTH, "maxLength": MAX_LENGTH})]
EmailText = Annotated[Text, Field(json_schema_extra={"format": "email"})]
Json = dict[str, Any]
Status = Literal["online", "offline"]
WireStatus = Literal["pending", "completed", "failed"]


class Success(BaseModel):
    """It worked."""

    success: Literal[True] = True


class Ok(BaseModel):
    """It worked."""

    status: Literal["ok"] = "ok"


class Command(BaseModel):
    """A command, with what the document does not have: its place in the queue and its lease."""

    id: str
    bot_id: str
    type: str
    payload: Any
    status: WireStatus
    created_at: str
    completed_at: str | None
    result: Any
    state: CommandState
    attempt: int
    priority: int
    expires_at: str | None
    lease_id: str | None
    lease_until: str | None


class CommandAnswer(BaseModel):
    """A command and that it was taken."""

    status: Literal["ok"] = "ok"
    command: Command


class CommandList(BaseModel):
    """Commands and how many are in this answer."""

    commands: list[Command]
    count: int


_WIRE: dict[CommandState, WireStatus] = {
    CommandState.queued: "pending",
    CommandState.leased: "pending",
    CommandState.completed: "completed",
    CommandState.failed: "failed",
    CommandState.cancelled: "failed",
    CommandState.expired: "failed",
}


def wire_status(state: CommandState) -> WireStatus:
    """The document knows three statuses; `state` beside it tells the six."""
    return _WIRE[state]


def at(moment_us: int | None) -> str | None:
    """A moment of the stream store as the document writes it."""
    return None if moment_us is None else clock.rfc3339(clock.from_us(moment_us))


def command_json(command: CommandRecord) -> Json:
    """A command as the document shows it."""
    return {
        "id": command.id,
        "bot_id": command.bot_id,
        "type": command.type,
        "payload": command.payload,
        "status": _WIRE[command.state],
        "created_at": at(command.created_us),
        "completed_at": at(command.completed_us),
        "result": command.result,
        "state": command.state.value,
        "attempt": command.attempt,
        "priority": command.priority,
        "expires_at": at(command.expires_us),
        "lease_id": command.lease_id,
        "lease_until": at(command.lease_until_us),
    }


def command_list(commands: list[CommandRecord]) -> Json:
    """Commands as the document lists them; `count` is of this page (M-26)."""
    return {"commands": [command_json(command) for command in commands], "count": len(commands)}


class Log(BaseModel):
    """One log line."""

    type: str
    message: str
    timestamp: str
    metadata: Json
    bot_id: str


class Message(BaseModel):
    """One chat message."""

    bot_id: str
    message: str
    author_id: str
    author_name: str
    thread_id: str
    thread_type: str
    timestamp: str
    metadata: Json


def log_json(row: Row) -> Json:
    """A stored log line as the document shows it."""
    return {
        "id": row["id"],
        "type": row["type"],
        "message": row["message"],
        "timestamp": at(row["at_us"]),
        "metadata": row["metadata"],
        "bot_id": row["bot_id"],
    }


def message_json(row: Row) -> Json:
    """A stored message as the document shows it."""
    return {
        "id": row["id"],
        "bot_id": row["bot_id"],
        "message": row["message"],
        "author_id": row["author_id"],
        "author_name": row["author_name"],
        "thread_id": row["thread_id"],
        "thread_type": row["thread_type"],
        "timestamp": at(row["at_us"]),
        "metadata": row["metadata"],
    }


class BotMine(BaseModel):
    """A bot as its owner sees it in lists."""

    id: str
    name: str
    status: Status
    created_at: str
    metadata: Json


class BotOwned(BaseModel):
    """A bot as administrators see it in lists."""

    id: str
    name: str
    status: Status
    created_at: str
    owner_id: int


def bot_mine(bot: Bot, *, online: bool) -> BotMine:
    """A bot as its owner sees it."""
    return BotMine(
        id=bot.id,
        name=bot.name,
        status="online" if online else "offline",
        created_at=clock.rfc3339(bot.created_at),
        metadata=bot.extra,
    )


def bot_owned(bot: Bot, *, online: bool) -> BotOwned:
    """A bot with its owner."""
    return BotOwned(
        id=bot.id,
        name=bot.name,
        status="online" if online else "offline",
        created_at=clock.rfc3339(bot.created_at),
        owner_id=bot.owner_id,
    )


class UserBrief(BaseModel):
    """An account as its login answers it."""

    id: int
    username: str
    email: str
    fullname: str | None
    role: Literal["user", "admin"]


class UserRow(UserBrief):
    """An account in lists."""

    created_at: str


class UserFound(BaseModel):
    """An account as the search answers it."""

    id: int
    username: str
    email: str
    fullname: str | None
    created_at: str


class UserFull(UserRow):
    """A whole profile."""

    phone: str | None
    birthday: str | None
    gender: str | None
    last_login: str | None
    is_active: bool


def role_word(role: Role) -> Literal["user", "admin"]:
    """The document knows two roles; a service account is a user to it."""
    return "admin" if role is Role.admin else "user"


def user_fields(user: User) -> Json:
    """What every shape of an account draws from."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "fullname": user.fullname,
        "role": role_word(Role(user.role)),
        "created_at": clock.rfc3339(user.created_at),
        "phone": user.phone,
        "birthday": user.birthday,
        "gender": user.gender,
        "last_login": None if user.last_login_at is None else clock.rfc3339(user.last_login_at),
        "is_active": user.is_active,
    }
