"""Tells the dispatcher of this process that there is something to send, so that it need not wait for its next look."""

import asyncio

from botyard.kit.db import Session


class DueBell:
    """Rung after a commit that made deliveries due; rings before anybody listens are kept."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def ring(self) -> None:
        """Have the dispatcher look now."""
        self.rung.set()


def ring_after_commit(session: Session) -> None:
    """Ring once the session's work is committed, where this process sends; others look every second."""

    async def ring(session: Session) -> None:
        if bell := session.find_part(DueBell):
            bell.ring()

    session.after_commit(ring)
