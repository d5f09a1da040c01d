"""Server-sent events, from bytes as they arrive."""

import codecs
import re
from dataclasses import dataclass, field

# a carriage return at the end may be half of a line end
_LINE_END = re.compile(r"\r\n|\n|\r(?!$)")


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    name: str
    data: str


@dataclass
class EventParser:
    """Give it what arrived; it answers with the events that are complete now."""

    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8-sig")("replace")
    )
    _rest: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[Event]:
        """Events in the order of their ends."""
        *lines, self._rest = _LINE_END.split(self._rest + self._decoder.decode(chunk))
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        if name == "event":
            self._name = value.removeprefix(" ")
        elif name == "data":
            self._data.append(value.removeprefix(" "))
        return None

    def _complete(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data = "", []
        return event
