"""Imports of large files as durable jobs: the upload is an artifact, the result says what came of it."""

from typing import Any

import msgspec

from botyard.core.jobs import JobContext, Unrecoverable, job
from botyard.features.chatbots import artifacts
from botyard.features.chatbots.artifacts import ArtifactMissing
from botyard.features.chatbots.importing import Progress, Target, import_into
from botyard.kit.amounts import amount, counted
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError


class _JobProgress(Progress):
    """Shows on the Jobs page how many examples are in."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx

    async def __call__(self, done: int, total: int) -> None:
        await self._ctx.progress(done, total, note=f"{amount(done)} of {counted(total, 'example')}")


@job("chatbots.import_file", retries=3, timeout_s=1800)
async def import_file(
    ctx: JobContext, *, account_id: int, upload: str, target: dict[str, Any], import_key: str
) -> Any:
    """Import an uploaded file. After a crash it goes on behind the last thousands that were stored."""
    try:
        data = await artifacts.get(ctx.db, account_id, upload)
        into = msgspec.convert(target, Target)
        result = await import_into(ctx.db, account_id, data, into, key=import_key, progress=_JobProgress(ctx))
    except ArtifactMissing:
        raise Unrecoverable("The uploaded file is gone; upload it again.") from None
    except BotyardError as error:
        if error.status >= 500:  # of the server, not of the file: worth another try
            raise
        raise Unrecoverable(str(error)) from None
    return msgspec.to_builtins(result)


async def start(db: Database, owner_id: int, data: bytes, target: Target, *, key: str) -> str:
    """Keep the upload and let a job import it; answers the job's id. The same `key` is the same import.

    Raises StorageFull.
    """
    upload = await artifacts.put(db, owner_id, data)
    async with db.session() as session:
        return await import_file.enqueue(
            session,
            key=f"chatbots.import:{owner_id}:{key}",
            owner_id=owner_id,
            account_id=owner_id,
            upload=upload,
            target=msgspec.to_builtins(target),
            import_key=key,
        )
