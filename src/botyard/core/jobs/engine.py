"""The job engine of a process: starts and ends it, keeps it alive, takes over from dead ones."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from botyard.core.jobs import liveness, queries, registry, schedule, service
from botyard.core.jobs.dispatch import Dispatch
from botyard.core.jobs.errors import WorkerForgotten
from botyard.core.jobs.liveness import Beat, Life, Watch
from botyard.core.jobs.runner import Runner
from botyard.core.jobs.types import QUEUES, JobInfo, JobState, QueueRules, Timing, WorkerInfo
from botyard.kit import clock
from botyard.kit.db import Database, Session

if TYPE_CHECKING:
    from botyard.core.jobs.transact import Stray

log = logging.getLogger(__name__)

LEADER = "reaper"
RECORD_S = 5.0  # a database that does not answer must not hold up the end of the process


class JobEngine:
    """Runs jobs in this process, or with `work=False` only takes requests for them.

    With `recurs=False` recurring jobs wait until somebody asks for one.

    One working engine per process at a time. On SQLite whoever starts it must hold the lock of the data
    folder, because every other worker on record is then taken for dead.
    """

    def __init__(
        self,
        db: Database,
        *,
        work: bool = True,
        recurs: bool = True,
        concurrency: int = 8,
        timing: Timing | None = None,
    ) -> None:
        self._db = db
        self._work = work
        self._recurs = recurs
        self._concurrency = concurrency
        self._timing = timing or Timing()
        self._runner: Runner | None = None
        self._closing = False
        self._changing = asyncio.Lock()
        self._alive: asyncio.Task[None] | None = None
        self._dispatch: Dispatch | None = None
        self._strays: Watch[Stray] = Watch()
        self._beats: Watch[Beat] = Watch()

    async def start(self) -> None:
        """Make the way to the queues, and with `work` begin to run what waits, left behind by others or not.

        Raises EngineRunning.
        """
        from botyard.core.jobs import transact  # importing DBOS takes 0.3 s, which other commands spare

        if self._work:
            transact.ensure_free()
        await asyncio.to_thread(transact.prepare, self._db.stores)
        self._dispatch = Dispatch(transact.Client(self._db.stores))
        self._db.parts.add(self._dispatch)
        if self._work:
            try:
                declare = partial(
                    self._dispatch.client.declare, self._queues(), concurrency=self._concurrency
                )
                await asyncio.to_thread(declare)
                await self._begin_life()
            except BaseException:
                await self.stop()
                raise
            self._closing = False
            self._alive = asyncio.create_task(self._stay_alive(), name="botyard-jobs-heartbeat")

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let running jobs end for `grace_s`, leave the others to the next worker. May be called twice."""
        try:
            if self._alive is not None:
                alive, self._alive = self._alive, None
                await self._leave(alive, grace_s)
        finally:
            if self._dispatch is not None:
                dispatch, self._dispatch = self._dispatch, None
                await asyncio.to_thread(dispatch.client.close)

    async def cancel(
        self, job_id: str, session: Session | None = None, *, owner_id: int | None = None
    ) -> None:
        """End a job that has not ended; where it runs it is interrupted within a heartbeat.

        Part of `session`'s transaction if one is given. Raises NoSuchJob and JobFinished.
        """
        if session is None:
            async with self._db.session() as own:
                return await self.cancel(job_id, own, owner_id=owner_id)
        run = (await service.cancel(session, job_id, owner_id=owner_id)).run

        async def interrupt(_: Session) -> None:
            if self._runner is not None:
                self._runner.interrupt(job_id, run)

        session.after_commit(interrupt)
        return None

    async def retry(self, job_id: str, *, owner_id: int | None = None) -> None:
        """Start a failed or cancelled job again. Raises NoSuchJob, JobFinished, JobUnfinished."""
        async with self._db.session() as session:
            await service.retry(session, job_id, owner_id=owner_id)

    async def get(self, job_id: str, *, owner_id: int | None = None) -> JobInfo:
        """One job. Raises NoSuchJob, also where `owner_id` is given and is another."""
        async with self._db.reader() as session:
            return await queries.get(session, job_id, owner_id=owner_id)

    async def list_jobs(
        self,
        *,
        state: JobState | None = None,
        name: str | None = None,
        owner_id: int | None = None,
        limit: int = 100,
    ) -> list[JobInfo]:
        """Jobs, the newest first; filters that are None let everything through."""
        async with self._db.reader() as session:
            return await queries.list_jobs(session, state=state, name=name, owner_id=owner_id, limit=limit)

    async def list_workers(self) -> list[WorkerInfo]:
        """Workers that are alive, the oldest first."""
        async with self._db.reader() as session:
            return await liveness.list_workers(session)

    @property
    def worker_id(self) -> str | None:
        """The present identity of this process among the workers, if it is one."""
        return self._runner.life.worker_id if self._runner else None

    def _queues(self) -> dict[str, QueueRules]:
        poll_s = self._timing.poll_s
        used = {name: QUEUES[name] for name in registry.queues_in_use()}
        return {name: replace(rules, poll_s=poll_s or rules.poll_s) for name, rules in used.items()}

    async def _begin_life(self) -> None:
        from botyard.core.jobs import transact

        life = Life(self._timing.fence_s)
        # Registered before it can own anything: a run whose owner is not on record is taken from it.
        async with self._db.session() as session:
            await liveness.register(session, life.worker_id, alone=self._db.embedded)
        runner = Runner(self._db, life, self._timing)
        loop = asyncio.get_running_loop()
        launch = partial(transact.launch, self._db.stores, life.worker_id, self._queues(), loop)
        await asyncio.to_thread(launch, runner.perform)
        self._runner = runner

    async def _stay_alive(self) -> None:
        """Beat at once and from then on; after a lost life begin another."""
        while True:
            await self._beat_or_start_over()
            await asyncio.sleep(self._timing.heartbeat_s)

    async def _beat_or_start_over(self) -> None:
        runner = self._runner
        if runner is None:
            return
        try:
            async with asyncio.timeout(self._timing.fence_s):
                leads = await self._tick(runner)
        except WorkerForgotten:
            log.warning("Other workers took this one for dead; it starts over under a new name.")
            await self._start_over(runner)
        except Exception:
            log.exception("A heartbeat of this worker failed.")
            # On SQLite nobody else can have taken anything over, so its jobs may go on once it answers.
            if not (runner.life.fit or self._db.embedded):
                await self._start_over(runner)
        else:
            if not self._closing:
                await self._do_duties(runner, leads=leads)

    async def _tick(self, runner: Runner) -> bool:
        """Be alive and drop what is no longer ours; whether this worker is elected."""
        beat_at = clock.monotonic()
        async with self._db.session() as session:
            worker_id = runner.life.worker_id
            await liveness.beat(session, worker_id)
            leads = await liveness.lead(session, LEADER, worker_id, lease_s=self._timing.lease_s)
            self._beats.see(await liveness.beats(session))
            if leads and not self._db.embedded:
                await self._bury(session)
        runner.life.beaten(beat_at)
        async with self._db.reader() as session:
            await runner.review(session)
        return leads

    async def _bury(self, session: Session) -> None:
        silent_s, beat_s = self._timing.silent_s, self._timing.heartbeat_s
        silent = await liveness.bury(session, self._beats, silent_s=silent_s, beat_s=beat_s)
        if silent:
            log.warning("Silent for %.0f s, taken for dead: %s", silent_s, silent)

    async def _do_duties(self, runner: Runner, *, leads: bool) -> None:
        """What a live worker does for all, and the elected one besides; put off where it takes too long."""
        timing = self._timing
        try:
            # Whatever holds a duty up, the next heartbeat comes before this worker takes itself for dead.
            async with asyncio.timeout((timing.fence_s - timing.heartbeat_s) / 2):
                await self._give_back_strays(runner)
                if leads:
                    await self._reap()
                if leads and self._recurs:
                    async with self._db.session() as session:
                        await schedule.enqueue_due(session, registry.recurring_jobs())
        except Exception:
            log.exception("A duty of this worker failed; it tries again in %.0f s.", timing.heartbeat_s)

    async def _give_back_strays(self, runner: Runner) -> None:
        """Put runs back on their queues that are on record as ours and that nothing here carries.

        The record of a claim, of a start or of an end may have failed halfway. Such a run would hold up its
        partition for as long as this process lives, because only the runs of dead workers are taken over.
        """
        from botyard.core.jobs import transact

        worker_id = runner.life.worker_id
        found = await asyncio.to_thread(transact.strays, worker_id)
        carried = {transact.workflow_id(*each) for each in runner.carried}
        self._strays.see(run for run in found if run.workflow_id not in carried)
        if lying := self._strays.unchanged(self._timing.stray_s):
            count = await asyncio.to_thread(transact.give_back, worker_id, lying)
            log.warning(
                "Put %d jobs back on their queues: they were this worker's, and it had lost them.", count
            )

    async def _reap(self) -> None:
        """Give back to the queues what belongs to nobody alive."""
        from botyard.core.jobs import transact

        # In this order: whoever registers between the two reads owns nothing in the first.
        owners = await asyncio.to_thread(transact.owners_of_running)
        async with self._db.reader() as session:
            dead = owners - await liveness.alive(session)
        if dead:
            count = await asyncio.to_thread(transact.recover, dead)
            log.warning("Took %d jobs over from workers that ended in the middle of them.", count)

    async def _start_over(self, runner: Runner) -> None:
        from botyard.core.jobs import transact

        async with self._changing:
            await runner.close(grace_s=0)
            self._runner = None
            while self._runner is None and not self._closing:
                try:
                    await asyncio.to_thread(transact.shutdown)
                    await self._begin_life()
                except Exception:
                    log.exception("This worker could not start over yet.")
                    await asyncio.sleep(self._timing.heartbeat_s)

    async def _leave(self, alive: "asyncio.Task[None]", grace_s: float) -> None:
        from botyard.core.jobs import transact

        self._closing = True
        async with self._changing:
            runner = self._runner
            try:
                if runner is not None:
                    await self._hand_over(runner, grace_s)
            finally:  # half stopped, it would keep every other engine out of this process
                alive.cancel()
                await asyncio.wait([alive])
                self._runner = None
                await asyncio.to_thread(transact.shutdown)
                if runner is not None:
                    await self._record(partial(liveness.forget, worker_id=runner.life.worker_id))

    async def _hand_over(self, runner: Runner, grace_s: float) -> None:
        """Take nothing new, and leave to the next worker what does not end in time."""
        from botyard.core.jobs import transact

        await asyncio.to_thread(transact.pause)
        # The heartbeat goes on meanwhile: a long grace must not look like death.
        await self._record(partial(liveness.drain, worker_id=runner.life.worker_id))
        interrupted = await runner.close(grace_s=grace_s)
        await self._record(partial(service.hand_back, worker_id=runner.life.worker_id))
        if interrupted:
            log.info("%d running jobs were interrupted; the next worker goes on with them.", interrupted)

    async def _record(self, write: Callable[[Session], Awaitable[None]]) -> None:
        """Tell the database something about the end of this worker; without it, others notice by its silence."""
        try:
            async with asyncio.timeout(RECORD_S), self._db.session() as session:
                await write(session)
        except Exception:
            log.exception("The end of this worker could not be recorded.")
