"""Durable work of artifacts: letting go what nothing refers to."""

from botyard.core.jobs import JobContext, job, recurring
from botyard.features.chatbots import artifacts
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from botyard.kit import clock

artifacts.refer(TrainingJob.owner_id, TrainingJob.snapshot)
artifacts.refer(ModelVersion.owner_id, ModelVersion.snapshot)
artifacts.refer(ModelVersion.owner_id, ModelVersion.artifact)
artifacts.refer(ModelVersion.owner_id, ModelVersion.report)


@recurring("chatbots.tidy_artifacts", cron="41 4 * * *")
async def tidy(ctx: JobContext) -> int:
    """Remove files that neither a training nor a model refers to; repeating it changes nothing."""
    return await artifacts.remove_unused(ctx.db, before=clock.now() - artifacts.KEPT)


@job("chatbots.remove_files")
async def remove_files(ctx: JobContext, *, account_id: int) -> int:
    """Remove what one account was just told to be free again; repeating it changes nothing."""
    return await artifacts.remove_unused(ctx.db, before=clock.now() - artifacts.KEPT, owner_id=account_id)
