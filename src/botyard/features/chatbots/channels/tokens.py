"""What lets a visitor into one conversation and no other: signed, bound to its channel's key, with an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from botyard.features.chatbots.channels.errors import TokenRefused
from botyard.features.chatbots.channels.service import ChannelInfo
from botyard.kit import clock, crypto
from botyard.kit.crypto import Digests

LIFETIME = timedelta(days=30)
_PURPOSE = "chatbots-conversation-token"
_VISITOR = "chatbots-visitor"
_MAX = 400


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token says; whether it is true says `check`."""

    conversation_id: str
    channel_id: str
    until: datetime
    signature: str


def issue(digests: Digests, channel: ChannelInfo, conversation_id: str) -> tuple[str, datetime]:
    """A token for a conversation, and until when it is good."""
    until = int((clock.now() + LIFETIME).timestamp())
    body = f"{conversation_id}.{channel.id}.{until}"
    return f"{body}.{_sign(digests, body, channel)}", clock.from_us(until * 1_000_000)


def read(token: str) -> Pass:
    """The parts of a token. Raises TokenRefused for what is none."""
    parts = token.split(".") if len(token) <= _MAX else []
    if len(parts) != 4 or not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 12):
        raise TokenRefused
    return Pass(parts[0], parts[1], clock.from_us(int(parts[2]) * 1_000_000), parts[3])


def check(digests: Digests, found: Pass, channel: ChannelInfo) -> None:
    """Raise TokenRefused unless the token was given for this channel with its present key and has not ended."""
    body = f"{found.conversation_id}.{found.channel_id}.{int(found.until.timestamp())}"
    right = crypto.same(found.signature, _sign(digests, body, channel))
    if not right or found.channel_id != channel.id or found.until <= clock.now():
        raise TokenRefused


def visitor_id(digests: Digests, channel: ChannelInfo, secret: str) -> str:
    """Under which outside id a visitor's conversation is kept: the browser's own secret is not stored."""
    return f"{channel.id}:{digests.digest(_VISITOR, f'{channel.id}:{secret}')}"


def _sign(digests: Digests, body: str, channel: ChannelInfo) -> str:
    return digests.digest(_PURPOSE, f"{body}.{channel.key}")
