"""Group commit: one thread writes what queued up while the last commit ran, and answers after the next.

There is no delay window: it costs both rate and latency when senders wait for their answer.
"""

import asyncio
import math
import threading
from collections.abc import Callable
from copy import copy
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

from botyard.core.ingest import metrics
from botyard.core.ingest.batch import Done, Failed, Operation, run_batch
from botyard.core.ingest.postgres import PostgresStore
from botyard.core.ingest.sqlite import SqliteStore
from botyard.core.ingest.store import Store
from botyard.core.ingest.transaction import Tx
from botyard.core.realtime.types import Committed, OnCommit
from botyard.kit import clock
from botyard.kit.db import Stores
from botyard.kit.errors import BotyardError, Overloaded, Unavailable

_BATCH_ROWS = 4_000  # about 20 ms of writing: what a sender waits for strangers at most, fsync apart
_BATCH_OPERATIONS = 512
_STOP_S = 8.0  # a database that went silent must not hold up a shutdown
_FASTEST_RETRY_S, _SLOWEST_RETRY_S = 1.0, 30.0

__all__ = ["Tx", "Writer"]

T = TypeVar("T")
_Job = tuple[Operation, "asyncio.Future[Any]", int]
_log = structlog.get_logger(__name__)


def _store_of(stores: Stores) -> Store:
    if stores.embedded:
        return SqliteStore(Path(str(stores.stream.database)))
    return PostgresStore(stores.stream)


def _raisable(error: Exception) -> Exception:
    """The error as a future can carry it."""
    if not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError("an operation raised StopIteration")
    wrapped.__cause__ = error
    return wrapped


class Writer:
    """The only thing that writes the stream store. Belongs to the event loop that started it."""

    def __init__(
        self,
        stores: Stores,
        *,
        max_rows: int,
        on_commit: OnCommit | None = None,
        store: Store | None = None,
    ) -> None:
        self._store = store or _store_of(stores)
        self._max_rows = max_rows
        self._on_commit = on_commit
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._rows = 0  # accepted and not answered; touched on the event loop only
        self._rate = 0.0  # rows a second, smoothed
        self._thread: threading.Thread | None = None
        self._stopping = False

    @property
    def queued_rows(self) -> int:
        """Rows that were accepted and not answered yet."""
        return self._rows

    @property
    def alive(self) -> bool:
        """Whether the writing thread runs, for the readiness probe."""
        return self._thread is not None and self._thread.is_alive()

    async def start(self) -> None:
        """Open the store and begin to write. Raises the driver's error when it cannot be opened."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._store.open)
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="botyard-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write and answer everything accepted so far, then close the store; later calls are refused."""
        if self._thread is None or self._stopping:
            return
        self._stopping = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, _STOP_S)
        if self._thread.is_alive():
            _log.error("ingest.stop_timed_out", rows=self._rows)
        await asyncio.sleep(0)  # the last answers were put on the loop before the thread ended

    async def run(self, operation: Callable[[Tx], T], *, rows: int = 1) -> T:
        """Run `operation` in the next batch and return its result after the commit.

        It runs in the writer's thread, where everyone waits for it, and perhaps twice (when a neighbour
        fails): so it is short and touches only `tx`.
        `rows` is its weight in the queue. Raises Overloaded when too much waits, StorageFull, Unavailable
        (the outcome may be unknown), or what the operation raised.
        """
        if self._stopping or self._thread is None:
            raise Unavailable("The server is stopping; send it again in a moment.", retry_after_s=1)
        if self._rows and self._rows + rows > self._max_rows:
            metrics.REFUSED.inc()
            raise Overloaded(retry_after_s=self._retry_after())
        self._rows += rows
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put((operation, future, rows))
        result: T = await future
        return result

    def _retry_after(self) -> float:
        drained_in = self._rows / self._rate if self._rate else 0.0
        return float(math.ceil(min(max(drained_in, _FASTEST_RETRY_S), _SLOWEST_RETRY_S)))

    # --- in the writer's thread -------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while (job := self._queue.get()) is not None:
                batch, last = self._gather(job)
                self._serve(batch)
                if last:
                    break
        finally:
            self._store.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        batch, rows = [first], first[2]
        while rows < _BATCH_ROWS and len(batch) < _BATCH_OPERATIONS:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            rows += job[2]
        return batch, False

    def _serve(self, batch: list[_Job]) -> None:
        began = clock.monotonic()
        # Whoever went away before the batch began gets nothing stored.
        wanted = [job for job in batch if not job[1].cancelled()]
        try:
            done = run_batch(self._store, [operation for operation, _, _ in wanted])
        except BotyardError as error:
            metrics.FAILURES.labels(error.code).inc()
            _log.warning("ingest.batch_failed", code=error.code, cause=repr(error.__cause__))
            # one for each: a raised exception collects the traceback of whoever raises it
            done = Done([Failed(copy(error)) for _ in wanted], [])
        except BaseException as error:
            # Also what is no Exception: without this thread every later sender would wait for ever.
            metrics.FAILURES.labels("internal_error").inc()
            _log.exception("ingest.batch_broken")
            self._store.rollback()
            shown = error if isinstance(error, Exception) else Unavailable(retry_after_s=1)
            done = Done([Failed(shown)] * len(wanted), [])
        seconds = clock.monotonic() - began
        self._loop.call_soon_threadsafe(self._settle, batch, wanted, done, seconds)

    # --- on the event loop ------------------------------------------------------------------------

    def _settle(self, batch: list[_Job], wanted: list[_Job], done: Done, seconds: float) -> None:
        rows = sum(weight for _, _, weight in batch)
        self._rows -= rows
        if seconds > 0:
            self._rate += 0.2 * (rows / seconds - self._rate)
        for (_, future, _), result in zip(wanted, done.results, strict=True):
            if future.done():
                continue
            if isinstance(result, Failed):
                future.set_exception(_raisable(result.error))
            else:
                future.set_result(result)
        metrics.QUEUED_ROWS.set(self._rows)
        metrics.BATCH_OPERATIONS.observe(len(batch))
        for part in done.appended:
            metrics.ROWS.labels(part.table).inc(len(part.rows))
        if self._on_commit is not None and done.appended:
            # Before the senders go on: who was answered and listens from now on need not hear of it again.
            self._on_commit(Committed(done.appended))
