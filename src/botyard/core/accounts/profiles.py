"""Reading accounts, and what people change about their own."""

from collections.abc import Iterable
from typing import TypedDict, Unpack

from sqlalchemy import func, or_, select
from sqlalchemy.sql import Select

from botyard.core.accounts import names
from botyard.core.accounts.errors import NoSuchUser
from botyard.core.accounts.events import UserChanged
from botyard.core.accounts.models import User
from botyard.core.realtime.events import publish
from botyard.kit.db import Session
from botyard.kit.errors import Invalid

MIN_QUERY = 2


class ProfileChanges(TypedDict, total=False):
    """What people may change about themselves; an empty text and None both clear a field."""

    fullname: str | None
    phone: str | None
    birthday: str | None
    gender: str | None
    currency: str


EDITABLE = {"fullname": 200, "phone": 50, "birthday": 50, "gender": 50, "currency": 10}


async def get(session: Session, user_id: int) -> User:
    """One account. Raises NoSuchUser."""
    user = await session.get(User, user_id) if 0 < user_id < 2**31 else None
    if user is None:
        raise NoSuchUser
    return user


async def find(session: Session, identity: str) -> User | None:
    """The account with this user name or mail address, whatever its case."""
    key = names.key(identity)
    user: User | None = await session.scalar(
        select(User).where(or_(User.username_key == key, User.email_key == key))
    )
    return user


async def update(session: Session, user_id: int, **changes: Unpack[ProfileChanges]) -> User:
    """Change what is named; the rest stays. Raises NoSuchUser, Invalid for a text that is too long."""
    user = await get(session, user_id)
    for field, value in changes.items():
        if field not in EDITABLE:
            raise TypeError(f"{field} is not for people to change")
        setattr(user, field, _checked(field, value))  # type: ignore[arg-type]
    if changes:
        publish(session, UserChanged(owner_id=user.id, what="profile"))
    return user


async def list_users(session: Session, *, limit: int | None = None, offset: int = 0) -> list[User]:
    """Accounts, oldest first; all of them without `limit`."""
    return await _page(session, select(User), limit, offset)


async def search(session: Session, query: str, *, limit: int = 100, offset: int = 0) -> list[User]:
    """Accounts whose name or address holds the text, oldest first. Raises Invalid below two characters."""
    wanted = names.key(query)
    if len(wanted) < MIN_QUERY:
        raise Invalid(f"The search text needs at least {MIN_QUERY} characters.")
    matches = or_(
        User.username_key.contains(wanted, autoescape=True), User.email_key.contains(wanted, autoescape=True)
    )
    return await _page(session, select(User).where(matches), limit, offset)


async def usernames(session: Session, user_ids: Iterable[int]) -> dict[int, str]:
    """User names by id; accounts that are gone are absent."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    rows = await session.execute(select(User.id, User.username).where(User.id.in_(wanted)))
    return {row.id: row.username for row in rows}


async def count(session: Session) -> int:
    """How many accounts there are."""
    return int(await session.scalar(select(func.count()).select_from(User)) or 0)


async def _page(session: Session, query: Select[User], limit: int | None, offset: int) -> list[User]:
    return list(await session.scalars(query.order_by(User.id).limit(limit).offset(offset)))


def _checked(field: str, value: str | None) -> str | None:
    text = names.line(value, what=f"The {field}", limit=EDITABLE[field])
    if field != "currency":
        return text
    if text is None or len(text) < 3 or not (text.isascii() and text.isalnum()):
        raise Invalid("A currency is written like ZAR or USDT.")
    return text.upper()
