"""Jobs: what the server works on by itself, with its progress."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from botyard.core.jobs import JobEngine
from botyard.core.jobs.events import JobChanged
from botyard.core.jobs.types import JobState
from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.web import words
from botyard.web.lists import address
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(route_class=GuardedRoute)
Engine = Annotated[JobEngine, Depends(running(JobEngine))]
_SHOWN = 100
_STATES = frozenset(state.value for state in JobState)


@router.get("/jobs")
async def page(page: PageFor, scene: SceneFor, state: str = "") -> Response:
    """The newest jobs, of all states or of one."""
    state = state if state in _STATES else ""
    states = [("", "All"), *((each.value, words.JOB[each][1]) for each in JobState)]
    chips = [(key, word, address("/jobs", {"state": key})) for key, word in states]
    live = live_address("jobs", {"state": state})
    return page.show("jobs.html", states=chips, live=live, **await _context(scene))


async def _context(scene: Scene) -> dict[str, Any]:
    state = scene.says("state")
    engine = scene.db.parts.get(JobEngine)
    wanted = JobState(state) if state in _STATES else None
    found = await engine.list_jobs(state=wanted, owner_id=scene.owner_id, limit=_SHOWN)
    return {"jobs": found, "job_states": words.JOB, "state": state}


async def draw(scene: Scene) -> Pieces:
    """The list again."""
    return {"#jobs": render("_jobs.html", **await _context(scene))}


LIVE = View(frozenset({JobChanged.name}), draw)


@router.get("/jobs/{job_id}")
async def job_page(page: PageFor, scene: SceneFor, job_id: str) -> Response:
    """One job."""
    job = await scene.db.parts.get(JobEngine).get(job_id, owner_id=scene.owner_id)
    return page.show("job.html", job=job, job_states=words.JOB, live=live_address("job", {"id": job_id}))


async def draw_one(scene: Scene) -> Pieces:
    """The job again."""
    job = await scene.db.parts.get(JobEngine).get(scene.says("id"), owner_id=scene.owner_id)
    return {"#job": render("_job.html", job=job, job_states=words.JOB)}


async def check_one(scene: Scene) -> None:
    """A job is for its owner. Raises NoSuchJob."""
    await scene.db.parts.get(JobEngine).get(scene.says("id"), owner_id=scene.owner_id)


ONE_LIVE = View(frozenset({JobChanged.name}), draw_one, check=check_one)


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, job_id: str, engine: Engine, caller: Caller) -> Response:
    """End a job that has not ended."""
    await engine.cancel(job_id, owner_id=None if caller.is_admin else caller.user_id)
    return go(request, f"/jobs/{job_id}", "The job is cancelled.")


@router.post("/jobs/{job_id}/retry")
async def retry(request: Request, job_id: str, engine: Engine, caller: Caller) -> Response:
    """Start a job again that failed or was cancelled."""
    await engine.retry(job_id, owner_id=None if caller.is_admin else caller.user_id)
    return go(request, f"/jobs/{job_id}", "The job starts again.")
