"""A worker process that tests kill and freeze: `python -m tests.faults.jobs_worker '{…}'`.

It says on its standard output where it is, stops at the point named `hang`, and goes on after one line on
its standard input. What it did outside lies in files: `trace`, one line per piece of work, and `posts`, one
file per post on a platform that has no idempotency of its own.
"""

import asyncio
import json
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from botyard.core.jobs import (
    JobChanged,
    JobContext,
    JobEngine,
    JobState,
    Receipt,
    Timing,
    Verdict,
    effects,
    job,
)
from botyard.core.realtime.types import Committed, Outlet
from botyard.kit.db import Database, Stores


@dataclass
class Stage:
    """Where this process does its work, and where it stops."""

    folder: Path
    hang: str

    def say(self, what: str) -> None:
        """Tell the test."""
        print(what, flush=True)

    def trace(self, what: str) -> None:
        """Leave a line that outlives the process."""
        with (self.folder / "trace").open("a") as file:
            file.write(f"{os.getpid()} {what}\n")

    async def point(self, name: str) -> None:
        """Stop here if this is where the test wants it."""
        self.say(f"at {name}")
        if self.hang == name:
            await asyncio.to_thread(sys.stdin.readline)


stage = Stage(Path(), "")


@job("faults.publish", retries=0)
async def publish(ctx: JobContext, *, post_id: str) -> str:
    """Three pieces: write, post, announce."""
    try:
        await ctx.step("write", _write)
        posted = await effects.once(
            ctx,
            key=f"post:{post_id}",
            kind="post",
            account_id=1,
            request_hash=effects.fingerprint(post_id),
            call=lambda: _post(post_id),
            reconcile=lambda: _look(post_id),
        )
        await ctx.step("announce", _announce)
        return posted.external_id
    finally:
        stage.say("left")


@job("faults.tick", retries=0)
async def tick(ctx: JobContext, *, number: int) -> None:
    """Leaves one line."""
    stage.trace(f"tick {number}")


async def _write() -> None:
    stage.trace("write")
    await stage.point("write")


async def _post(post_id: str) -> Receipt:
    await stage.point("before post")
    name = f"{post_id}-{uuid.uuid4().hex}"
    (stage.folder / "posts" / name).touch()
    await stage.point("after post")
    return Receipt(name)


async def _look(post_id: str) -> Receipt | Verdict:
    stage.trace("reconcile")
    found = list((stage.folder / "posts").glob(f"{post_id}-*"))
    return Receipt(found[0].name) if found else Verdict.absent


async def _announce() -> None:
    stage.trace("announce")


def _hear(committed: Committed) -> None:
    for appended in committed.appended:
        for row in appended.rows:
            event = row["event"]
            if isinstance(event, JobChanged) and JobState(event.state).finished:
                stage.say(f"{event.state} {event.job_id}")


async def main(told: dict[str, object]) -> None:
    """Work until the input ends."""
    stage.folder, stage.hang = Path(str(told["folder"])), str(told["hang"])
    db = Database(Stores.at(str(told["database_url"]), Path(str(told["data_dir"]))))
    db.parts.add(Outlet(_hear))
    timing = told["timing"]
    assert isinstance(timing, dict)
    engine = JobEngine(db, concurrency=2, timing=Timing(**timing))
    await engine.start()
    stage.say("ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
