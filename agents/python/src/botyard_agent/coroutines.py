"""Runs coroutine handlers: on the bot's own event loop where it has one, else on one kept for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import CancelledError, Future
from typing import Any


class Coroutines:
    """All coroutines run on one loop, so that handlers may share clients that are bound to a loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: threading.Thread | None = None
        self._lock = threading.Lock()
        self._running: set[Future[Any]] = set()

    def use(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run coroutines on the loop of the program that the agent lives in."""
        self._loop = loop

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """The result of an awaitable, waited for in the calling thread. Raises InterruptedError when stopped."""

        async def body() -> Any:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(body(), self._ready())
        with self._lock:
            self._running.add(future)
        try:
            return future.result()
        except CancelledError:
            raise InterruptedError("the bot was stopped") from None
        finally:
            with self._lock:
                self._running.discard(future)

    def _ready(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._own = threading.Thread(
                    target=self._loop.run_forever, name="botyard-coroutines", daemon=True
                )
                self._own.start()
            return self._loop

    def cancel(self) -> None:
        """Cancel every coroutine that still runs; returns at once."""
        with self._lock:
            running = list(self._running)
        for future in running:
            future.cancel()

    def close(self) -> None:
        """End the loop that was kept for handlers; a loop of the program is left alone."""
        loop, own = self._loop, self._own
        if loop is not None and own is not None:
            loop.call_soon_threadsafe(loop.stop)
            own.join(1.0)
            if not own.is_alive():
                loop.close()
