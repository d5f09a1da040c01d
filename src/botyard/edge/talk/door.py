"""Who may talk: the channel of the address, the page's origin, the visitor's token, and how often."""

from typing import Any

from starlette.requests import HTTPConnection

from botyard.edge.caller import address
from botyard.features.chatbots.channels import service, visiting
from botyard.features.chatbots.channels.bell import ConversationBell
from botyard.features.chatbots.channels.errors import NoSuchChannel, OriginRefused
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.features.chatbots.channels.visiting import Visit
from botyard.kit.db import Database
from botyard.kit.errors import TooMany
from botyard.kit.limits import Check, Limiter, Rate, subject_of
from botyard.settings import Settings

ALLOWED = "talk_origin"  # where a request's state keeps which origin may read the answer
# People who share an address, such as a school, begin and talk at the same time; one conversation is one person.
BEGINNINGS = Rate(30, 60)
BEGINNINGS_OF_CHANNEL = Rate(600, 60)
REQUESTS = Rate(300, 60)
MESSAGES = Rate(20, 60)
MESSAGES_OF_ADDRESS = Rate(300, 60)  # whatever they come by, and in however many conversations
SOUNDS = Rate(20, 60)
MAX_LISTENERS = 8  # of one conversation: a visitor has some tabs
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def database(connection: HTTPConnection) -> Database:
    """The stores of this process."""
    db: Database = connection.app.state.db
    return db


async def channel_of(connection: HTTPConnection) -> ChannelInfo:
    """The widget channel that the address names, for pages that may show it. Raises NoSuchChannel, OriginRefused."""
    state = connection.scope.setdefault("state", {})
    await knock(connection)
    try:
        channel = await find(connection, connection.path_params["key"])
    except NoSuchChannel:
        state[ALLOWED] = "*"  # a page with a wrong key must be able to read that it is wrong
        raise
    origin = connection.headers.get("origin")
    unsafe = connection.scope.get("method", "GET") not in _SAFE
    if not allows(channel, origin, needed=unsafe):
        raise OriginRefused
    if origin is not None:
        state[ALLOWED] = origin
    return channel


async def find(connection: HTTPConnection, key: str) -> ChannelInfo:
    """The open widget channel of that key. Raises NoSuchChannel."""
    async with database(connection).reader() as session:
        channel = await service.find_by_key(session, key)
    if channel.kind != "widget":
        raise NoSuchChannel
    return channel


def allows(channel: ChannelInfo, origin: str | None, *, needed: bool) -> bool:
    """Whether pages of an origin may use the channel; where one is `needed`, a request without any may not."""
    if not channel.origins:
        return True
    return not needed if origin is None else origin in channel.origins


async def visit_of(connection: HTTPConnection) -> Visit:
    """The conversation that the token opens, on the channel of the address. Raises TokenRefused and as `channel_of`."""
    channel = await channel_of(connection)
    return await visiting.enter(database(connection), token_of(connection), channel)


def token_of(connection: HTTPConnection) -> str:
    """The token of the header, or of the query, since EventSource can send no header; empty where there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return connection.query_params.get("token", "")


async def beginnings(connection: HTTPConnection, channel: ChannelInfo) -> None:
    """Count a conversation that begins. Raises TooMany."""
    await within(
        connection,
        ("talk.beginnings", BEGINNINGS, _who(connection)),
        ("talk.channel", BEGINNINGS_OF_CHANNEL, channel.id),
    )


async def messages(connection: HTTPConnection, visit: Visit) -> None:
    """Count a message of a conversation. Raises TooMany."""
    await within(
        connection,
        ("talk.messages", MESSAGES, visit.conversation_id),
        ("talk.said", MESSAGES_OF_ADDRESS, _who(connection)),
    )


async def listener(connection: HTTPConnection, visit: Visit) -> None:
    """Let one more place listen to a conversation. Raises TooMany."""
    bell = database(connection).parts.get(ConversationBell)
    if bell.listeners(visit.conversation_id) >= MAX_LISTENERS:
        raise TooMany("This conversation is open in too many places; close one of them.", retry_after_s=15)


async def knock(connection: HTTPConnection) -> None:
    """Count a request of an address, whatever it is for. Raises TooMany."""
    await within(connection, ("talk.requests", REQUESTS, _who(connection)))


async def sounds(connection: HTTPConnection, visit: Visit) -> None:
    """Count speaking or listening, which takes a second of a processor. Raises TooMany."""
    await within(connection, ("talk.sounds", SOUNDS, visit.conversation_id))


async def within(connection: HTTPConnection, *checks: Check) -> None:
    """Count a request by these rules. Raises TooMany."""
    parts = database(connection).parts
    if parts.get(Settings).rate_limits == "off":
        return
    verdict: Any = await parts.get(Limiter).hit(checks)
    if not verdict.allowed:
        raise TooMany(retry_after_s=verdict.retry_after_s)


def _who(connection: HTTPConnection) -> str:
    return subject_of(address(connection))
