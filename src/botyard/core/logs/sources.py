"""Entries as live events: their own rows are the durable events, nothing is written twice."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from botyard.core.logs.events import NOBODY, EntryReceived
from botyard.core.logs.models import ServiceLog


class EntrySource:
    """Rows of `service_logs`."""

    key = "v"
    table = ServiceLog.__tablename__
    store: Literal["main", "stream"] = "stream"
    names = frozenset({EntryReceived.name})
    owner_id = NOBODY

    def event(self, row: Mapping[str, Any]) -> EntryReceived:
        """The event that a row is."""
        return EntryReceived(
            owner_id=NOBODY,
            log_id=row["log_id"],
            type=row["type"],
            level=row["level"],
            source=row["source"],
            message=row["message"],
            correlation_id=row["correlation_id"],
            sender=row["sender"],
            data=msgspec.json.decode(row["data"]) if row["data"] else {},
            at_us=row["at_us"],
        )
