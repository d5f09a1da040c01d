"""Logs and messages as live events: their own rows are the durable events, nothing is written twice."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from botyard.features.fleet.events import LogReceived, MessageReceived


class LogSource:
    """Rows of `logs`."""

    key = "l"
    table = "logs"
    store: Literal["main", "stream"] = "stream"
    names = frozenset({LogReceived.name})
    owner_id = None

    def event(self, row: Mapping[str, Any]) -> LogReceived:
        """The event that a row is."""
        return LogReceived(
            owner_id=row["owner_id"],
            bot_id=row["bot_id"],
            type=row["type"],
            message=row["message"],
            metadata=msgspec.json.decode(row["metadata"]) if row["metadata"] else {},
            at_us=row["at_us"],
        )


class MessageSource:
    """Rows of `messages`."""

    key = "m"
    table = "messages"
    store: Literal["main", "stream"] = "stream"
    names = frozenset({MessageReceived.name})
    owner_id = None

    def event(self, row: Mapping[str, Any]) -> MessageReceived:
        """The event that a row is."""
        return MessageReceived(
            owner_id=row["owner_id"],
            bot_id=row["bot_id"],
            message=row["message"],
            author_id=row["author_id"],
            author_name=row["author_name"],
            thread_id=row["thread_id"],
            thread_type=row["thread_type"],
            metadata=msgspec.json.decode(row["metadata"]) if row["metadata"] else {},
            at_us=row["at_us"],
        )
