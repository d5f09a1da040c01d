"""What is counted of conversations, in the same commit as what happens: so that figures never count rows.

Each counter has a day in UTC, or 0 for all time, and a version, or none for all of them. Trying a chatbot out is
counted for the draft alone: the figures of all versions are those of real conversations.
"""

from collections import Counter

from botyard.core.ingest.writer import Tx
from botyard.core.realtime.types import Row
from botyard.features.chatbots.conversation_types import TRIAL, Conversation
from botyard.features.chatbots.models import ConversationCount
from botyard.kit import clock

TABLE = ConversationCount.__tablename__
KEY = 4  # the first columns of a row are its primary key
ALL_TIME = 0
DRAFT = TRIAL  # the version that trials are counted for, and whatever else the draft answers
INBOX = "inbox"  # messages that somebody should look at
LATENCIES_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
_MAX_NAME = 220


def day_of(moment_us: int) -> int:
    """The day of a moment in UTC, such as 20260601."""
    at = clock.from_us(moment_us)
    return at.year * 10_000 + at.month * 100 + at.day


def latency_bucket(latency_us: int) -> str:
    """The name of the counter for answers that took so long: the least bound that it keeps."""
    bound = next((ms for ms in LATENCIES_MS if latency_us <= ms * 1000), None)
    return f"latency:{bound}" if bound else "latency:more"


def count_inbox(tx: Tx, chatbot_id: str, owner_id: int, change: int) -> None:
    """Let so many messages come into the inbox of a chatbot, or leave it."""
    if change:
        counts = Counts(chatbot_id, owner_id, None)
        counts.total(INBOX, change)
        tx.count(TABLE, KEY, counts.rows())


class Counts:
    """Counters of one chatbot that are added up before they are written."""

    def __init__(
        self, chatbot_id: str, owner_id: int, version_id: str | None, *, trial: bool = False
    ) -> None:
        self._chatbot_id = chatbot_id
        self._owner_id = owner_id
        version = (not trial and version_id) or DRAFT
        self._versions = (version,) if trial else ("", version)
        self._values: Counter[tuple[int, str, str]] = Counter()

    @classmethod
    def of(cls, conversation: Conversation) -> "Counts":
        """Empty ones for what happens in a conversation."""
        return cls(
            conversation.chatbot_id, conversation.owner_id, conversation.version_id, trial=conversation.trial
        )

    def add(self, name: str, value: int = 1, *, at_us: int) -> None:
        """Count on the day of a moment, for all versions and for the one that answers."""
        day = day_of(at_us)
        for version in self._versions:
            self._values[day, version, name[:_MAX_NAME]] += value

    def total(self, name: str, value: int = 1) -> None:
        """Count for all time."""
        self._values[ALL_TIME, "", name] += value

    def moved(self, before: str, after: str) -> None:
        """Let a conversation leave one status for another."""
        if before != after:
            self.total(before, -1)
            self.total(after)

    def rows(self) -> list[Row]:
        """The counters as rows that the writer adds."""
        return [
            {
                "chatbot_id": self._chatbot_id,
                "day": day,
                "version_id": version,
                "name": name,
                "owner_id": self._owner_id,
                "value": value,
            }
            for (day, version, name), value in self._values.items()
            if value
        ]
