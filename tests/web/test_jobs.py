"""Jobs as their owners and administrators see them."""

import asyncio

from botyard.core.jobs import registry
from botyard.core.jobs.models import JobRow
from botyard.core.jobs.types import JobState
from botyard.kit import clock, ids
from tests.contracts.running import Running
from tests.web.person import People, Person

WAIT_S = 15


async def put_off(running: Running, owner: Person) -> str:
    """A job of somebody's that is due in an hour; answers its id."""
    job = registry.find("mail.tidy")
    assert job is not None
    async with running.db.session() as session:
        return await job.enqueue(session, delay_s=3600, owner_id=owner.id)


async def running_job(running: Running, owner: Person) -> str:
    """A job that another worker is half through with."""
    job_id, now = ids.new("job"), clock.now()
    row = JobRow(
        id=job_id,
        name="studio.render",
        queue="generate",
        owner_id=owner.id,
        args={},
        state=JobState.running,
        attempt=1,
        done=30,
        total=60,
        note="frame 30",
        created_at=now,
        due_at=now,
        started_at=now,
    )
    async with running.db.session() as session:
        session.add(row)
    return job_id


async def test_a_job_is_cancelled_and_tried_again(ada: Person, running: Running) -> None:
    job_id = await put_off(running, ada)
    queued = await ada.look(f"/jobs/{job_id}")

    await ada.do(f"/jobs/{job_id}/cancel")
    cancelled = await ada.look(f"/jobs/{job_id}")
    async with asyncio.timeout(WAIT_S), ada.live(f"/live/job?id={job_id}") as stream:
        await ada.do(f"/jobs/{job_id}/retry")
        await stream.until("Done")
    too_late = await ada.send(f"/jobs/{job_id}/cancel", form="cancel-form")

    assert "Queued" in queued.text
    assert "Cancelled" in cancelled.text
    assert too_late.status_code == 409


async def test_progress_is_shown_as_a_bar_and_in_words(ada: Person, running: Running) -> None:
    job_id = await running_job(running, ada)

    listed = await ada.look("/jobs")
    page = await ada.look(f"/jobs/{job_id}")

    (bar,) = [bar for bar in listed.of("progress") if bar["value"] == "30"]
    assert bar["max"] == "60"
    assert bar["aria-label"] == "studio.render"
    assert "30 of 60" in page.text
    assert "frame 30" in page.text


async def test_jobs_are_listed_by_state(ada: Person, running: Running) -> None:
    await running_job(running, ada)

    assert "studio.render" in (await ada.look("/jobs?state=running")).text
    assert "No jobs in this state" in (await ada.look("/jobs?state=failed")).text
    assert "studio.render" in (await ada.look("/jobs?state=nonsense")).text


async def test_jobs_of_others_are_hidden_from_all_but_administrators(
    ada: Person, admin: Person, people: People, running: Running
) -> None:
    job_id = await put_off(running, ada)
    stranger = await people.join()

    await stranger.look(f"/jobs/{job_id}", status=404)
    assert (await stranger.send(f"/jobs/{job_id}/cancel")).status_code == 404
    assert (await stranger.http.get(f"/live/job?id={job_id}")).status_code == 404
    assert job_id not in (await stranger.look("/jobs")).source
    assert job_id in (await admin.look("/jobs")).source
