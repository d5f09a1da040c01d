"""What the body of a job is given: its database, its steps, its progress."""

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

from botyard.kit import ids
from botyard.kit.db import Database, Session

T = TypeVar("T")


class Desk(Protocol):
    """Who keeps the books of one run: the engine, or memory where a job runs inline."""

    token: str

    @property
    def fit(self) -> bool: ...
    async def until_fit(self) -> None: ...
    async def confirm(self, session: Session) -> None: ...
    def finished(self, step: str) -> tuple[Any] | None: ...
    async def finish(self, step: str, result: Any) -> None: ...
    async def report(self, done: int, total: int | None, note: str) -> None: ...


class JobContext:
    """Given to the body of a job as its first argument.

    Bodies open `ctx.db.session()` themselves and never hold one across a step, an effect or progress.
    """

    def __init__(self, db: Database, desk: Desk, *, job_id: str, owner_id: int, attempt: int) -> None:
        self.db = db
        self.desk = desk
        self.job_id = job_id
        self.owner_id = owner_id
        self.attempt = attempt
        """1 at the first start; counts every start, also those after a crash."""
        self._steps: dict[str, itertools.count[int]] = {}

    async def step(self, name: str, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run `function` once in the life of the job and keep its JSON-able result.

        A later start returns the kept result instead. Interrupted before it was kept, the function runs
        again: what must not happen twice outside goes through `effects.once`. Steps are known by name, so
        a renamed one runs again; the same name a second time in one run is a step of its own.
        """
        step = self._unique(name)
        kept = self.desk.finished(step)
        if kept is None:
            await self.desk.until_fit()
            # Read back from JSON, so that the first run sees what a later one will see.
            kept = (json.loads(json.dumps(await function(*arguments), allow_nan=False)),)
            await self.desk.finish(step, kept[0])
        return cast("T", kept[0])

    async def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show how far the job is; stored at most twice a second, the last one (`done == total`) always."""
        await self.desk.report(done, total, note)

    def _unique(self, name: str) -> str:
        number = next(self._steps.setdefault(name, itertools.count(1)))
        return name if number == 1 else f"{name}#{number}"


class _Memory:
    """The books of a run that nobody will continue."""

    fit = True

    def __init__(self) -> None:
        self.token = ids.new("inline")

    async def until_fit(self) -> None:
        """Always fit."""

    async def confirm(self, session: Session) -> None:
        """Nobody else can own the run."""

    def finished(self, step: str) -> tuple[Any] | None:
        return None

    async def finish(self, step: str, result: Any) -> None:
        """Nothing outlives the run."""

    async def report(self, done: int, total: int | None, note: str) -> None:
        """Nobody watches."""


def inline(db: Database) -> JobContext:
    """A context without an engine: steps run, nothing is kept."""
    return JobContext(db, _Memory(), job_id=ids.new("inline"), owner_id=0, attempt=1)
