"""A running engine that is quick to notice and to repeat."""

from collections.abc import AsyncIterator

import pytest

from botyard.core.jobs import JobEngine, Timing
from botyard.kit.db import Database
from tests.core.jobs import work
from tests.core.jobs.work import Scene, Watch

QUICK = Timing(heartbeat_s=0.2, fence_s=15.0, silent_s=20.0, backoff_s=0.0, poll_s=0.05)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """What the jobs of this test share with it."""
    work.new_scene()
    yield work.scene
    work.scene.gate.set()


@pytest.fixture
def watch(db: Database) -> Watch:
    """Hears what jobs tell."""
    return Watch(db)


@pytest.fixture
async def engine(db: Database, watch: Watch, scene: Scene) -> AsyncIterator[JobEngine]:
    """An engine that works."""
    running = JobEngine(db, timing=QUICK)
    await running.start()
    yield running
    await running.stop(grace_s=0)


@pytest.fixture
async def counter(db: Database, watch: Watch) -> AsyncIterator[JobEngine]:
    """An engine that only takes requests."""
    waiting = JobEngine(db, work=False, timing=QUICK)
    await waiting.start()
    yield waiting
    await waiting.stop()
