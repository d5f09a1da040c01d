"""Carries runs of jobs on the application's loop, and keeps their books."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

from botyard.core.jobs import registry, service
from botyard.core.jobs.context import JobContext
from botyard.core.jobs.errors import RunEnded, RunLost, Stopped, Unrecoverable, WorkerForgotten
from botyard.core.jobs.liveness import Life
from botyard.core.jobs.service import Claim
from botyard.core.jobs.types import Timing
from botyard.kit import clock
from botyard.kit.db import Database, Session
from botyard.kit.errors import BotyardError

log = logging.getLogger(__name__)

REPORT_EVERY_S = 0.5  # progress is for eyes; each report is a transaction
BOOKS_PAUSE_S = 1.0  # before the books are tried again after the database refused them
BOOKS_PAUSE_MAX_S = 30.0
DEAF_S = 3.0  # a job that ignores its cancellation must not hold up the end of the process


class Execution:
    """One run in this process: the desk of its context, and what stopped it."""

    def __init__(self, db: Database, claim: Claim, life: Life) -> None:
        self.claim = claim
        self.token = claim.token
        self.stopped: Stopped | None = None
        # How the run ended is being written, which asks by itself whether the run is still ours. Once that is
        # committed the run looks like one to interrupt: its end would be told to nobody, and for DBOS the run
        # would stay open and hold up its partition.
        self.ending = False
        self.task = asyncio.current_task()
        self._db = db
        self._life = life
        self._steps = dict(claim.steps)
        self._reported_at = float("-inf")

    @property
    def fit(self) -> bool:
        """Whether this process may begin something outside."""
        return self._life.fit

    async def until_fit(self) -> None:
        """Wait until this process may begin something outside."""
        await self._life.until_fit()

    async def confirm(self, session: Session) -> None:
        """Lock the job in this transaction. Raises what stopped the run when it is no longer ours."""
        try:
            await service.confirm(session, self.claim)
        except Stopped as stopped:
            self.stopped = stopped
            raise

    def finished(self, step: str) -> tuple[Any] | None:
        """The kept result of a step, if it was finished."""
        return (self._steps[step],) if step in self._steps else None

    async def finish(self, step: str, result: Any) -> None:
        """Keep the result of a step. Raises what stopped the run when it is no longer ours."""
        async with self._db.session() as session:
            await self.confirm(session)
            await service.finish_step(session, self.claim, step, result)
        self._steps[step] = result

    async def report(self, done: int, total: int | None, note: str) -> None:
        """Store progress, unless that was done a moment ago."""
        if done != total and clock.monotonic() - self._reported_at < REPORT_EVERY_S:
            return
        async with self._db.session() as session:
            await self.confirm(session)
            await service.report(session, self.claim, done, total, note)
        self._reported_at = clock.monotonic()

    def stop(self, verdict: Stopped) -> None:
        """Interrupt the body of the run where it stands."""
        if self.ending:
            return
        self.stopped = self.stopped or verdict
        if self.task is not None:
            self.task.cancel()


class Runner:
    """All runs of one life of this process as a worker."""

    def __init__(self, db: Database, life: Life, timing: Timing) -> None:
        self.life = life
        self._db = db
        self._timing = timing
        self._executions: dict[str, Execution] = {}
        self._tasks: dict[asyncio.Task[Any], tuple[str, int]] = {}
        self._closing = False

    @property
    def carried(self) -> set[tuple[str, int]]:
        """Jobs with the number of the run, from when this process was given it until its last word about it."""
        return set(self._tasks.values())

    async def perform(self, job_id: str, run: int) -> None:
        """Carry one run to its end. Ends as cancelled where it must stay open for another worker."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = job_id, run
        try:
            for pause_s in _growing_pauses():
                if self._closing:
                    raise asyncio.CancelledError
                try:
                    return await self._perform(job_id, run)
                except WorkerForgotten:
                    raise asyncio.CancelledError from None
                except Exception:
                    log.exception(
                        "The books of job %s could not be kept; next try in %.0f s.", job_id, pause_s
                    )
                    await asyncio.sleep(pause_s)
        finally:
            del self._tasks[task]

    async def review(self, session: Session) -> None:
        """Interrupt every run that is no longer this process' to carry."""
        verdicts = await service.stopped(session, [each.claim for each in self._executions.values()])
        for token, verdict in verdicts.items():
            if token in self._executions:
                self._executions[token].stop(verdict)

    def interrupt(self, job_id: str, run: int) -> None:
        """Interrupt the run of a job that a person ended; the job may have been started again meanwhile."""
        for execution in list(self._executions.values()):
            if (execution.claim.job_id, execution.claim.run) == (job_id, run):
                execution.stop(RunEnded())

    async def close(self, *, grace_s: float) -> int:
        """Take no new run, let the present ones end for `grace_s`, then interrupt them; returns how many."""
        self._closing = True
        if self._tasks and grace_s > 0:
            await asyncio.wait(set(self._tasks), timeout=grace_s)
        interrupted = set(self._tasks)
        for task in interrupted:
            task.cancel()
        if interrupted:
            _, deaf = await asyncio.wait(interrupted, timeout=DEAF_S)
            if deaf:
                log.error("%d jobs did not stop within %.0f s of being told to.", len(deaf), DEAF_S)
        return len(interrupted)

    async def _perform(self, job_id: str, run: int) -> None:
        async with self._db.session() as session:
            claim = await service.begin(session, job_id, run=run, worker_id=self.life.worker_id)
        if claim is None:
            return
        execution = self._executions[claim.token] = Execution(self._db, claim, self.life)
        try:
            await self._carry(execution)
        except RunEnded:
            log.info("Job %s (%s) was ended while it ran.", claim.job_id, claim.name)
        except RunLost:
            log.warning("Job %s (%s) is carried on by another worker.", claim.job_id, claim.name)
            raise asyncio.CancelledError from None
        finally:
            del self._executions[claim.token]

    async def _carry(self, execution: Execution) -> None:
        claim = execution.claim
        try:
            result = await self._call(execution)
        except BaseException as error:
            if execution.stopped is not None:
                raise execution.stopped from None
            if _ends_more(error, execution.task):
                raise
            execution.ending = True
            await self._fail(claim, error)
        else:
            execution.ending = True
            async with self._db.session() as session:
                await service.complete(session, claim, result)

    async def _call(self, execution: Execution) -> Any:
        claim = execution.claim
        job = registry.find(claim.name)
        if job is None:
            raise Unrecoverable(f"This version of Botyard has no job called {claim.name}.")
        context = JobContext(
            self._db, execution, job_id=claim.job_id, owner_id=claim.owner_id, attempt=claim.attempt
        )
        async with asyncio.timeout(job.timeout_s):
            result = await job.body(context, **claim.arguments)
        json.dumps(result, allow_nan=False)
        return result

    async def _fail(self, claim: Claim, error: BaseException) -> None:
        job = registry.find(claim.name)
        retries = 0 if job is None or isinstance(error, Unrecoverable) else job.retries
        log.warning("Job %s (%s) failed: %s", claim.job_id, claim.name, describe(error), exc_info=error)
        async with self._db.session() as session:
            await service.fail(session, claim, describe(error), retries=retries, timing=self._timing)


def describe(error: BaseException) -> str:
    """What went wrong in one line for people: our own errors say it themselves, others with their kind."""
    text = " ".join(str(error).split())
    if isinstance(error, BotyardError):
        return text
    if isinstance(error, TimeoutError) and not text:
        return "It took too long."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _ends_more(error: BaseException, task: "asyncio.Task[Any] | None") -> bool:
    """Whether the error ends more than this try, which then stays open for another worker.

    A cancellation that nobody asked for came from inside the job. Some libraries fail with an error that is no
    Exception: a try that did not end by it would stay open for ever.
    """
    if isinstance(error, asyncio.CancelledError):
        return task is None or task.cancelling() > 0
    return isinstance(error, (Stopped, KeyboardInterrupt, SystemExit, GeneratorExit))


def _growing_pauses() -> Iterator[float]:
    pause_s = BOOKS_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, BOOKS_PAUSE_MAX_S)
