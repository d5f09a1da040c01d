"""Does the log still say what was written? Names the first entry that does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select

from botyard.core.audit.anchors import FILE, Anchor
from botyard.core.audit.chain import START, AuditKey
from botyard.core.audit.models import AuditEntry, AuditHead
from botyard.core.audit.service import HEAD_ID
from botyard.kit.crypto import same
from botyard.kit.db import Session

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of the whole log found; `first_bad` is the number of the first entry that is wrong, `heads` how
    many heads from outside of the database it was compared with."""

    entries: int
    first_bad: int | None = None
    reason: str = ""
    heads: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, left out, added or cut off."""
        return not self.reason

    @property
    def text(self) -> str:
        """The same for people."""
        if not self.ok:
            return self.reason
        entries = "1 entry" if self.entries == 1 else f"{self.entries} entries"
        if not self.heads:
            return (
                f"{entries}, all as they were written. Compared with no head from outside of the database: the data "
                f"folder of this machine has no {FILE}. The machine that did the hourly job has it."
            )
        heads = "1 head" if self.heads == 1 else f"{self.heads} heads"
        return f"{entries}, all as they were written. Compared with {heads} from outside of the database."


async def verify(session: Session, *, anchors: Iterable[Anchor] = ()) -> Report:
    """Read the whole log in order and compute every hash again.

    `anchors` are heads that were kept elsewhere: with them even a database that was set back to an older
    state as a whole is noticed.
    """
    known = list(anchors)
    return replace(await _verify(session, known), heads=len(known))


async def _verify(session: Session, anchors: Sequence[Anchor]) -> Report:
    key = session.part(AuditKey)
    expected = sorted(anchors, key=lambda anchor: anchor.entries)
    if (forged := next((a for a in expected if not a.genuine(key)), None)) is not None:
        return Report(0, None, f"The anchor of {forged.at} was not made by this server.")
    number, last, waiting = 0, START, list(expected)
    while batch := await _after(session, number):
        for entry in batch:
            if entry.id != number + 1:
                return Report(number, number + 1, f"Entry {number + 1} is missing.")
            if not same(entry.hash, key.entry(last, entry)):
                return Report(number, entry.id, f"Entry {entry.id} was changed, or an entry before it was.")
            number, last = entry.id, entry.hash
            while waiting and waiting[0].entries <= number:
                if not waiting.pop(0).names(number, last):
                    return Report(number, entry.id, f"Entry {entry.id} is another one than was anchored.")
    return _end(await session.get(AuditHead, HEAD_ID), number, last, waiting, key)


def _end(head: AuditHead | None, number: int, last: str, waiting: list[Anchor], key: AuditKey) -> Report:
    if waiting:
        reason = f"Entries from {number + 1} to {waiting[-1].entries} were cut off: an anchor knows of them."
        return Report(number, number + 1, reason)
    if head is None:
        if number == 0:
            return Report(0)
        return Report(number, number, "The head of the log is missing.")
    if not same(head.seal, key.head(head.entries, head.hash)):
        return Report(number, number + 1, "The head of the log was changed.")
    if (head.entries, head.hash) != (number, last):
        reason = f"The log has {number} entries, but {head.entries} were written: its end was cut off."
        return Report(number, number + 1, reason)
    return Report(number)


async def _after(session: Session, number: int) -> Sequence[Row[Any]]:
    # Rows, not objects: half the time, and the log may be long.
    columns = AuditEntry.__table__.c
    query = select(*columns).where(columns.id > number).order_by(columns.id).limit(_BATCH)
    return (await session.execute(query)).all()
