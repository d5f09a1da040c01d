"""Replacing the vault's keys as a job, and clearing old versions away every night."""

from typing import Any

from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.jobs import JobContext, JobState, Unrecoverable, job, queries, recurring
from botyard.core.vault import rotation, versions
from botyard.core.vault.errors import RotationIncomplete, RotationNotPrepared, RotationRunning
from botyard.kit.db import Session
from botyard.settings import Settings


async def start_rotation(session: Session, *, actor: Principal, address: str = "") -> str:
    """Have every key and every secret sealed anew and answer the job's id.

    The caller has proved the password just now. Raises RotationRunning.
    """
    for state in (JobState.queued, JobState.running):
        if await queries.list_jobs(session, name=rotate.name, state=state, limit=1):
            raise RotationRunning
    job_id = await rotate.enqueue(session, owner_id=actor.user_id, started_by=actor.user_id)
    await audit.record(
        session, actor=actor, action="vault.rotation_started", target=f"job:{job_id}", address=address
    )
    return job_id


@job("vault.rotate")
async def rotate(ctx: JobContext, *, started_by: int) -> dict[str, Any]:
    """Replace the master key where a file holds it, then every data key, and seal every secret anew.

    Others read and write meanwhile. Interrupted, it goes on with the step it was at. Secrets that do not open
    stay as they are and are named in the result.
    """
    master = await ctx.step("master key", _replace_master, ctx)
    outcome = await rotation.reencrypt(
        ctx.db, progress=lambda done, total: ctx.progress(done, total, "Sealing secrets anew")
    )
    result = {**master, "records": outcome.done, "unreadable_records": len(outcome.failed)}
    async with ctx.db.session() as session:
        actor = Principal(user_id=started_by)
        await audit.record(
            session, actor=actor, action="vault.rotated", target=f"job:{ctx.job_id}", details=result
        )
    return result | {"unreadable": outcome.failed[:20]}


async def _replace_master(ctx: JobContext) -> dict[str, Any]:
    """What became of the master key, and how many data keys are wrapped by a new one."""
    settings = ctx.db.parts.get(Settings)
    if settings.master_key.get_secret_value():
        return {"master_key": "kept: a setting holds it", "data_keys": 0}
    try:
        outcome = await rotation.rotate_local(
            ctx.db,
            data_dir=settings.data_dir,
            progress=lambda done, total: ctx.progress(done, total, "Replacing the master key"),
        )
    except RotationNotPrepared:
        # Other machines may have a file of their own, which this process cannot write.
        return {"master_key": "kept: the key file holds no new key", "data_keys": 0}
    except RotationIncomplete as error:
        raise Unrecoverable(str(error)) from error
    return {"master_key": "replaced", "data_keys": outcome.done}


@recurring("vault.retention", cron="17 3 * * *")
async def retain(ctx: JobContext) -> int:
    """Clear away versions that cannot be restored any more. Safe to run twice."""
    return await versions.clear_superseded(ctx.db, days=ctx.db.parts.get(Settings).vault_version_days)
