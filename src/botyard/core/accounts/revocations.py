"""Lets the cached credentials of this process go as soon as another process revokes some."""

import asyncio
from collections.abc import Sequence

from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.events import AccountDeleted, KeyRevoked, SessionEnded
from botyard.core.realtime.hub import Hub
from botyard.core.realtime.listening import listen
from botyard.core.realtime.subscription import Delivery

_HEARD = frozenset(kind.name for kind in (SessionEnded, KeyRevoked, AccountDeleted))


class Revocations:
    """One subscription to the hub. While it hears nothing, as with a bus that is away, `TTL_S` still holds."""

    def __init__(self, hub: Hub, authenticator: Authenticator) -> None:
        self._hub = hub
        self._authenticator = authenticator
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen from now on; the hub runs already."""
        hearing = listen(self._hub, owner_id=None, names=_HEARD, begin=self._forget, hear=self._forget)
        self._task = asyncio.create_task(hearing, name="revocations")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _forget(self, _news: Sequence[Delivery] = ()) -> None:
        self._authenticator.forget()
