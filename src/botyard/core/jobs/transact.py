"""The only module that knows DBOS: what carries a run from its queue to a worker, and to another if that dies.

DBOS sees one workflow, `carry(job_id, run)`, without steps: what a job is, how far it came and who owns
it stands in our own tables, so that a new version of Botyard can continue what an older one began.
Everything here blocks and belongs in a thread, except `enqueue`, which runs inside the caller's transaction.
"""

import asyncio
import contextvars
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from botyard.core.jobs.types import QueueRules
from botyard.kit.db import IDLE_TRANSACTION_MS, Stores

# Given a handler of its own before DBOS looks for one, its logger speaks through ours, not to the console.
_log = logging.getLogger("dbos")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.WARNING)
# A run that stays open for another worker ends as cancelled; the runner says so in words people understand.
_log.addFilter(lambda record: not record.getMessage().startswith("Asyncio task cancelled"))

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions  # noqa: E402

APPLICATION = "botyard"
# DBOS gives a run only to processes of the same version. Ours never changes: runs survive updates.
VERSION = "1"
WORKFLOW = "botyard.carry"
_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_JSON = DBOSPortableJSONSerializer()  # DBOS' own default is pickle, which runs what a database holds
_PAGE = 1000
_NEVER_S = 3600.0
_RECORDS_S = 2.0
_CLAIMS_S = 2.0  # a database that does not answer must not hold up the end

Perform = Callable[[str, int], Coroutine[Any, Any, None]]


class EngineRunning(RuntimeError):
    """This process has a job engine already, and DBOS allows one."""


@dataclass(frozen=True, slots=True)
class _Host:
    loop: asyncio.AbstractEventLoop
    perform: Perform


_host: _Host | None = None


@dataclass(frozen=True, slots=True)
class Stray:
    """A run on record as a worker's, and the claim by which it got it: each one counts up."""

    workflow_id: str
    claims: int


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
async def _carry(job_id: str, run: int) -> None:
    """Hand the run over to the application's loop, whose database pools the job needs."""
    host = _host
    if host is None:
        raise asyncio.CancelledError
    carried = host.perform(job_id, run)
    try:
        # An empty context, or the job would believe to be inside a DBOS workflow.
        future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, carried, host.loop)
    except RuntimeError:
        # The loop has ended. DBOS must not take that for the end of the run, which it would never hand out again.
        carried.close()
        raise asyncio.CancelledError from None
    await asyncio.wrap_future(future)


def workflow_id(job_id: str, run: int) -> str:
    """DBOS' name for one run of a job."""
    return f"{job_id}.{run}"


def prepare(stores: Stores) -> None:
    """Make or update DBOS' tables beside ours. Safe to call at every start, by several processes."""
    if stores.embedded:
        # DBOS opens SQLite in rollback-journal mode: 23 runs a second instead of 105. WAL stays in the file.
        with closing(sqlite3.connect(str(stores.main.database))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    DBOS.migrate(_url(stores))


class Client:
    """Puts runs on queues and clears away old ones, without being a worker."""

    def __init__(self, stores: Stores) -> None:
        self._client = DBOSClient(
            system_database_url=_url(stores),
            serializer=_JSON,
            application_name=APPLICATION,
            system_database_pool_size=1,
            lazy=True,
        )

    def enqueue(
        self,
        connection: Connection,
        job_id: str,
        run: int,
        *,
        queue: str,
        partition: str | None,
        delay_s: float,
    ) -> None:
        """Put a run on its queue as part of the connection's transaction."""
        options = EnqueueOptions(
            workflow_name=WORKFLOW,
            queue_name=queue,
            workflow_id=workflow_id(job_id, run),
            app_version=VERSION,
        )
        if partition is not None:
            options["queue_partition_key"] = partition
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(connection, options, job_id, run)

    def declare(self, queues: Mapping[str, QueueRules], *, concurrency: int) -> None:
        """Store the rules of the queues, which then hold for every worker."""
        for name, rules in queues.items():
            self._client.register_queue(
                name,
                # Without it the first worker to poll takes the whole backlog.
                worker_concurrency=rules.per_worker or concurrency,
                global_concurrency=rules.everywhere,
                partition_concurrency=1 if rules.partitioned else None,
                polling_interval_sec=rules.poll_s,
            )

    def purge(self, before: datetime) -> int:
        """Delete the records of runs that ended before that moment; returns how many."""
        count = 0
        while page := self._client.list_workflows(
            status=_FINISHED,
            completed_before=before.isoformat(),
            load_input=False,
            load_output=False,
            limit=_PAGE,
        ):
            self._client.delete_workflows([run.workflow_id for run in page])
            count += len(page)
        return count

    def close(self) -> None:
        """Close the client's connections."""
        self._client.destroy()


def ensure_free() -> None:
    """Raise EngineRunning where this process works already."""
    if _host is not None:
        raise EngineRunning(EngineRunning.__doc__)


def launch(
    stores: Stores,
    worker_id: str,
    queues: Iterable[str],
    loop: asyncio.AbstractEventLoop,
    perform: Perform,
) -> None:
    """Begin to take runs from the queues and give each to `perform` on `loop`. Raises EngineRunning."""
    global _host
    ensure_free()
    _host = _Host(loop, perform)
    try:
        DBOS(config=_config(stores, worker_id))
        DBOS.listen_queues(list(queues))
        # DBOS polls a queue of its own once a second; we use none of what goes through it.
        _instance()._registry.get_internal_queue()._polling_interval_sec = _NEVER_S
        DBOS.launch()
    except BaseException:
        shutdown()
        raise


def pause() -> None:
    """Take nothing more from the queues; what runs goes on. Waits until what was just being taken has begun."""
    for stop in _instance().background_thread_stop_events:
        stop.set()
    # A queue's thread may be between claiming a run and starting it, for which DBOS' loop must be there.
    until = time.monotonic() + _CLAIMS_S
    for thread in threading.enumerate():
        # One that is listed and not alive is only being started: it finds the stop before it claims anything.
        if thread.name.startswith("queue-worker-") and thread.is_alive():
            thread.join(max(0.0, until - time.monotonic()))


def shutdown() -> None:
    """End DBOS in this process; another `launch` may follow. Takes up to a few seconds."""
    global _host
    try:
        if _host is not None:
            pause()
            _wait_for_records(_instance())
    finally:
        _host = None
        DBOS.destroy()


def owners_of_running() -> set[str]:
    """Ids of the workers that runs were given to and not yet finished by."""
    owners: set[str] = set()
    offset = 0
    while True:
        page = DBOS.list_workflows(
            status="PENDING",
            app_version=VERSION,
            load_input=False,
            load_output=False,
            limit=_PAGE,
            offset=offset,
        )
        owners.update(run.executor_id for run in page if run.executor_id is not None)
        offset += len(page)
        if len(page) < _PAGE:
            return owners


def recover(worker_ids: Iterable[str]) -> int:
    """Put what dead workers were given back on its queues; returns how many runs.

    Safe to call twice and by two processes: a run that another worker took meanwhile is left alone.
    """
    # Private in DBOS 3.4, but conditional on the owner, which the public list and resume are not; the
    # version is pinned to the series, and tests/faults kills workers on both stores to guard it.
    return len(DBOS._recover_pending_workflows(sorted(worker_ids)))


def strays(worker_id: str) -> set[Stray]:
    """Runs that were given to this process under that name and that DBOS does not carry here.

    Also one that is just being claimed shows for a moment.
    """
    active = _instance()._active_workflows_set
    before = set(active.activeList())
    runs = DBOS.list_workflows(
        status="PENDING", executor_id=worker_id, app_version=VERSION, load_input=False, load_output=False
    )
    known = before.union(active.activeList())
    return {
        Stray(run.workflow_id, run.recovery_attempts or 0) for run in runs if run.workflow_id not in known
    }


def give_back(worker_id: str, runs: Iterable[Stray]) -> int:
    """Put runs of this worker back on their queues; returns how many were still its own."""
    instance = _instance()
    queue = instance._registry.get_internal_queue().name  # for runs without one, which ours are not
    back = [instance._sys_db.reenqueue_for_recovery(run.workflow_id, [worker_id], queue) for run in runs]
    return sum(back)


def _wait_for_records(instance: DBOS) -> None:
    """Let DBOS write down which runs have ended, or they would be handed out once more for nothing."""
    until = time.monotonic() + _RECORDS_S
    while instance._active_workflows_set.activeList() and time.monotonic() < until:
        time.sleep(0.01)


def _instance() -> DBOS:
    from dbos._dbos import _get_dbos_instance

    return _get_dbos_instance()


def _url(stores: Stores) -> str:
    return stores.main.render_as_string(hide_password=False)


def _config(stores: Stores, worker_id: str) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_url=_url(stores),
        application_version=VERSION,
        executor_id=worker_id,
        serializer=_JSON,
        run_migrations=False,  # `prepare` did
        use_listen_notify=False,  # its notifier wakes a hundred times a second, for a feature we do not use
        notification_listener_polling_interval_sec=0.5,  # sees nothing to do; bounds how long shutdown takes
        scheduler_polling_interval_sec=_NEVER_S,  # recurring jobs are ours
        sys_db_pool_size=5,
        sys_db_idle_transaction_timeout_sec=IDLE_TRANSACTION_MS / 1000,
        max_executor_threads=8,
        log_level="WARNING",
    )
