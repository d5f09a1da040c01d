"""Document section "User Management APIs"."""

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import BaseModel

from botyard.contracts.manager.envelope import section
from botyard.contracts.manager.schemas import BotOwned, UserFound, UserFull, UserRow, bot_owned, user_fields
from botyard.core.accounts import profiles
from botyard.core.accounts.types import Principal
from botyard.core.bots import service as bots
from botyard.core.bots.models import BotKind
from botyard.edge.caller import Caller
from botyard.edge.parts import part
from botyard.edge.query import Limit, LimitOrAll, Offset
from botyard.edge.session import Reader
from botyard.features.fleet.presence import Presence
from botyard.kit.errors import Forbidden, Invalid, NotFound

router = section("Users", prefix="/api/users")

Watch = Annotated[Presence, Depends(part(Presence))]
# Anything but a whole number of the store's range is no user (M-19).
UserId = Annotated[str, Path(description="Whole number.", json_schema_extra={"type": "integer"})]
_LARGEST = 2**31
MOST = 100_000  # the document has no pages: all of them


class UserList(BaseModel):
    """Accounts and how many are in this answer."""

    users: list[UserRow]
    count: int


@router.get("")
async def list_users(
    session: Reader,
    limit: LimitOrAll = None,
    offset: Offset = 0,
) -> UserList:
    """List accounts, oldest first; all of them without `limit` (M-06)."""
    users = await profiles.list_users(session, limit=limit, offset=offset)
    rows = [UserRow(**user_fields(user)) for user in users]
    return UserList(users=rows, count=len(rows))


class UsersFound(BaseModel):
    """Accounts that match and how many they are."""

    users: list[UserFound]
    count: int


@router.get("/search")
async def search(
    session: Reader,
    q: Annotated[str, Query(max_length=200)],
    limit: Limit = 1000,
    offset: Offset = 0,
) -> UsersFound:
    """Find accounts by part of their name or address, oldest first."""
    if len(q.strip()) < 2:
        raise Invalid("Search for at least two characters.")
    users = await profiles.search(session, q, limit=limit, offset=offset)
    rows = [UserFound(**user_fields(user)) for user in users]
    return UsersFound(users=rows, count=len(rows))


class UserAnswer(BaseModel):
    """A whole profile."""

    user: UserFull


@router.get("/{user_id}")
async def get_user(user_id: UserId, session: Reader, caller: Caller) -> UserAnswer:
    """Answer one's own profile, or anybody's to an administrator."""
    number = _own_or_admin(user_id, caller)
    return UserAnswer(user=UserFull(**user_fields(await profiles.get(session, number))))


class OwnedList(BaseModel):
    """Bots and how many are in this answer."""

    bots: list[BotOwned]
    count: int


@router.get("/{user_id}/bots")
async def user_bots(user_id: UserId, session: Reader, caller: Caller, presence: Watch) -> OwnedList:
    """List the bots of one account (M-07)."""
    number = _own_or_admin(user_id, caller)
    await profiles.get(session, number)
    return await owned_list(session, presence, owner_id=number)


async def owned_list(session: Reader, presence: Presence, *, owner_id: int | None) -> OwnedList:
    """Bots with their owners; of every account where `owner_id` is None."""
    found = await bots.list_bots(session, kind=BotKind.fleet, owner_id=owner_id, limit=MOST)
    online = await presence.online([bot.id for bot in found])
    rows = [bot_owned(bot, online=bot.id in online) for bot in found]
    return OwnedList(bots=rows, count=len(rows))


def _own_or_admin(user_id: str, caller: Principal) -> int:
    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= 10 and int(user_id) < _LARGEST):
        raise NotFound("There is no such user.")
    number = int(user_id)
    if number != caller.user_id and not caller.is_admin:
        raise Forbidden("This is another user's; only that user and administrators may see it.")
    return number
