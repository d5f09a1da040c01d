"""Heads of the log kept outside of the database, so that setting the whole database back is noticed."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from botyard.core.audit.chain import AuditKey, moment
from botyard.core.audit.models import AuditHead
from botyard.core.audit.service import HEAD_ID
from botyard.kit import clock
from botyard.kit.crypto import same
from botyard.kit.db import Session

FILE = "audit-heads.jsonl"


@dataclass(frozen=True, slots=True)
class Anchor:
    """At this moment the log had so many entries, and the last one had this hash."""

    entries: int
    hash: str
    at: str
    seal: str

    def genuine(self, key: AuditKey) -> bool:
        """Whether this server made it."""
        return same(self.seal, key.head(self.entries, self.hash, self.at))

    def names(self, entries: int, last: str) -> bool:
        """Whether it is about the entry of this number, with this hash."""
        return self.entries == entries and same(self.hash, last)


async def anchor(session: Session, file: Path) -> Anchor | None:
    """Append the present head to a file, unless it is the last line already; None while the log is empty."""
    head = await session.get(AuditHead, HEAD_ID)
    if head is None:
        return None
    kept = read(file)
    if kept and kept[-1].entries == head.entries:
        return kept[-1]
    at = moment(clock.now())
    fresh = Anchor(head.entries, head.hash, at, session.part(AuditKey).head(head.entries, head.hash, at))
    _append(file, fresh)
    return fresh


def read(file: Path) -> list[Anchor]:
    """The heads of a file, oldest first; a last line that a crash left half written is passed over.

    A line that is no head becomes one that is not genuine, so that the check names it.
    """
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    return [_parse(line, number) for number, line in enumerate(lines[:-1], 1) if line]


def _parse(line: str, number: int) -> Anchor:
    try:
        return msgspec.json.decode(line, type=Anchor)
    except msgspec.MsgspecError:
        return Anchor(0, "", f"line {number}", "")


def _append(file: Path, anchor: Anchor) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(anchor)) + "\n")
        out.flush()
        os.fsync(out.fileno())
