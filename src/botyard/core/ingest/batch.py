"""One batch: all operations in one transaction, or each behind a savepoint when one of them failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botyard.core.ingest import metrics
from botyard.core.ingest.store import Store
from botyard.core.ingest.transaction import Tx
from botyard.core.realtime.types import Appended
from botyard.kit import clock

Operation = Callable[[Tx], Any]
_RERUNS = 3  # after conflicts with other writers; the next conflict is reported


@dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of an operation that raised."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Done:
    """A committed batch: one result, or Failed, per operation, and the rows that became visible."""

    results: list[Any]
    appended: list[Appended]


def run_batch(store: Store, operations: Sequence[Operation]) -> Done:
    """Run the operations and commit. Raises a domain error when the store failed and nothing was stored,

    or when it is unknown whether it was (Unavailable).
    """
    attempt, left = _together, _RERUNS
    while True:
        try:
            return attempt(store, operations)
        except Exception as error:
            store_trouble = store.trouble(error)
            store.rollback()
            if store_trouble is None:
                if attempt is _apart:
                    raise
                if len(operations) == 1:
                    return Done([Failed(store.refusal(error))], [])
                attempt = _apart
            elif store_trouble.again and left > 0:
                left -= 1
            else:
                raise store_trouble.error from error
            metrics.RERUNS.inc()


def _commit(store: Store) -> None:
    began = clock.monotonic()
    store.commit()
    metrics.COMMIT_SECONDS.observe(clock.monotonic() - began)


def _together(store: Store, operations: Sequence[Operation]) -> Done:
    store.begin()
    tx, results = Tx(store, clock.now_us()), []
    for operation in operations:
        mark = tx.mark()
        try:
            results.append(operation(tx))
        except Exception as error:
            # One that has only read and then refused spoils nothing: the others need not run again.
            if not tx.forget(mark):
                raise
            results.append(Failed(error))
    appended = tx.flush()
    _commit(store)
    return Done(results, appended)


def _apart(store: Store, operations: Sequence[Operation]) -> Done:
    store.begin()
    results: list[Any] = []
    appended: list[Appended] = []
    now_us = clock.now_us()
    for operation in operations:
        store.savepoint()
        tx = Tx(store, now_us)
        try:
            result = operation(tx)
            rows = tx.flush()
        except Exception as error:
            if store.trouble(error) is not None:
                raise
            store.undo()
            results.append(Failed(store.refusal(error)))
        else:
            store.release()
            results.append(result)
            appended += rows
    _commit(store)
    return Done(results, appended)
