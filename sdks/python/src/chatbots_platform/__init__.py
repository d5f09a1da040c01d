"""A client of the Chatbots Platform API."""

from chatbots_platform import types, webhooks
from chatbots_platform._async.client import AsyncChatbotsClient
from chatbots_platform._sync.client import ChatbotsClient
from chatbots_platform._version import __version__
from chatbots_platform.errors import (
    BadRequest,
    ChatbotsError,
    Conflict,
    Forbidden,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ServerFailed,
    TimedOut,
    TrainingFailed,
    Unreachable,
    ValidationFailed,
)

__all__ = [
    "AsyncChatbotsClient",
    "BadRequest",
    "ChatbotsClient",
    "ChatbotsError",
    "Conflict",
    "Forbidden",
    "NotAuthenticated",
    "NotFound",
    "RateLimited",
    "ServerFailed",
    "TimedOut",
    "TrainingFailed",
    "Unreachable",
    "ValidationFailed",
    "__version__",
    "types",
    "webhooks",
]
