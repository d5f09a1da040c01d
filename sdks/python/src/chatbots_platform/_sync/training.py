"""Datasets and training jobs."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chatbots_platform._sync.sections import Collection, Listing
from chatbots_platform._sync.transport import Transport
from chatbots_platform.calls import at, given
from chatbots_platform.errors import TrainingFailed
from chatbots_platform.types import Dataset, Example, Job

UNFINISHED = ("queued", "running")


class Datasets(Collection[Dataset]):
    """Examples of what people say."""

    def create(
        self,
        *,
        name: str,
        examples: Sequence[Example],
        description: str | None = None,
        responses: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Dataset:
        """Make a dataset; `responses` says what to reply to an intent."""
        body = given(name=name, examples=[*examples], description=description, responses=responses)
        return self._create({**body, **(extra or {})}, idempotency_key)

    def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        examples: Sequence[Example] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Change what is given; the rest stays. Examples replace those that were there."""
        replaced = None if examples is None else [*examples]
        body = given(name=name, description=description, examples=replaced)
        return self._update(dataset_id, {**body, **(extra or {})})


class Jobs(Listing[Job]):
    """Training jobs."""

    def create(self, *, chatbot_id: str, dataset_id: str, idempotency_key: str | None = None) -> Job:
        """Train a chatbot on a dataset."""
        body = {"chatbotId": chatbot_id, "datasetId": dataset_id}
        job: Job = self._post(self._path, body, key=idempotency_key)
        return job

    def cancel(self, job_id: str) -> Job:
        """End a job that waits or runs."""
        job: Job = self._post(f"{at(self._path, job_id)}/cancel")
        return job

    def report(self, job_id: str) -> dict[str, Any]:
        """What a finished training found out."""
        found: dict[str, Any] = self._get(f"{at(self._path, job_id)}/report")
        return found

    def wait(
        self,
        job_id: str,
        *,
        interval_s: float = 0.5,
        on_progress: Callable[[Job], object] | None = None,
    ) -> Job:
        """The job when it is completed. Raises TrainingFailed when it ends otherwise.

        `on_progress` is given the job whenever something of it changed.
        """
        seen: Job | None = None
        while True:
            job = self.get(job_id)
            if job != seen and on_progress is not None:
                on_progress(job)
            seen = job
            if job["status"] == "completed":
                return job
            if job["status"] not in UNFINISHED:
                raise TrainingFailed(job)
            time.sleep(interval_s)


class Training:
    """Datasets and jobs."""

    def __init__(self, transport: Transport) -> None:
        self.datasets = Datasets(transport, "/training/datasets")
        self.jobs = Jobs(transport, "/training/jobs")
