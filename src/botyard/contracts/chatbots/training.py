"""Document section "Training": datasets and the jobs that learn from them (C-09)."""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Paged, Pages, page
from botyard.contracts.chatbots.schemas import Json, Moment, Text
from botyard.edge import fast
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Reader, Session, Stores
from botyard.features.chatbots import datasets, example_table, training, wire_names
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.models import Dataset
from botyard.features.chatbots.training import TrainingInfo

router = section("Training", "/training")


class DatasetShown(Shown):
    """A dataset without its examples."""

    id: str
    name: str
    description: str | None
    language: str
    responses: dict[str, str]
    example_count: int
    created_at: Moment
    updated_at: Moment


class ExampleShown(Shown):
    """Something that people say, and what they mean by it."""

    text: str
    intent: str
    entities: list[Json]
    language: str


class DatasetWhole(DatasetShown):
    """A dataset with its examples, in the order in which they came."""

    examples: list[ExampleShown]


class NewExampleBody(Received):
    """An example. An entity names a part of the text: start, end, entity, and value where it means another."""

    text: Text
    intent: Text
    entities: list[Json] = Field(default_factory=list)
    language: str = ""

    def told(self) -> NewExample:
        """The example as the service takes it."""
        return NewExample(text=self.text, intent=self.intent, entities=self.entities, language=self.language)


class NewDataset(Received):
    """Examples, and replies to intents where one sentence will do."""

    name: Text
    description: str | None = None
    language: str = "en"
    examples: list[NewExampleBody]
    responses: dict[str, str] = Field(default_factory=dict)


class DatasetChange(Received):
    """Absent fields stay (C-08); given examples replace all that were there."""

    name: Text | None = None
    description: str | None = None
    language: str | None = None
    examples: list[NewExampleBody] | None = None
    responses: dict[str, str] | None = None


def _shown(dataset: Dataset) -> DatasetShown:
    return DatasetShown.model_validate(dataset)


@router.get("/datasets")
async def list_datasets(session: Reader, caller: Caller, paging: Pages) -> Success[Paged[DatasetShown]]:
    """List all training datasets, newest first."""
    found, total = await datasets.list_page(
        session, owner_id=caller.user_id, limit=paging.size, offset=paging.offset
    )
    return page([_shown(dataset) for dataset in found], total, paging)


@router.post("/datasets", status_code=201)
async def create_dataset(body: NewDataset, session: Session, caller: Caller) -> Success[DatasetShown]:
    """Create a new dataset."""
    made = await datasets.create(
        session,
        owner_id=caller.user_id,
        name=body.name,
        description=body.description,
        language=body.language,
        examples=[example.told() for example in body.examples],
        responses=body.responses,
    )
    return ok(_shown(made))


@router.get("/datasets/{dataset_id}", responses={200: {"model": Success[DatasetWhole]}})
async def get_dataset(dataset_id: str, session: Reader, caller: Caller) -> Response:
    """Get a specific dataset with its examples."""
    dataset = await datasets.get(session, dataset_id, owner_id=caller.user_id)
    # Written without pydantic: there may be a hundred thousand.
    examples = [
        {"text": one.text, "intent": one.intent, "entities": one.entities, "language": one.language}
        async for piece in example_table.whole(session, dataset_id)
        for _, one in piece
    ]
    shown = _shown(dataset).model_dump(mode="json", by_alias=True)
    return fast.answer({"status": "success", "data": {**shown, "examples": examples}})


@router.put("/datasets/{dataset_id}")
async def update_dataset(
    dataset_id: str, body: DatasetChange, session: Session, caller: Caller
) -> Success[DatasetShown]:
    """Update a dataset."""
    given = None if body.examples is None else [example.told() for example in body.examples]
    changed = await datasets.update(
        session,
        dataset_id,
        owner_id=caller.user_id,
        name=body.name,
        description=body.description,
        language=body.language,
        responses=body.responses,
        examples=given,
    )
    return ok(_shown(changed))


@router.delete("/datasets/{dataset_id}", status_code=204)
async def delete_dataset(dataset_id: str, session: Session, caller: Caller) -> None:
    """Delete a dataset; what was trained on it stays."""
    await datasets.delete(session, dataset_id, owner_id=caller.user_id)


class TrainingShown(Shown):
    """A training job: queued, running, completed or failed; `progress` while it runs."""

    id: str
    chatbot_id: str
    dataset_id: str | None
    status: str
    progress: float = Field(description="0 to 1.")
    note: str
    model_id: str | None
    created_at: Moment
    completed_at: Moment | None
    error: str | None

    @classmethod
    def of(cls, info: TrainingInfo) -> "TrainingShown":
        """The job in the document's words."""
        done = 1.0 if info.state == "completed" else info.done / info.total if info.total else 0.0
        return cls(
            id=info.id,
            chatbot_id=info.chatbot_id,
            dataset_id=info.dataset_id,
            status=info.state,
            progress=round(min(done, 1.0), 3),
            note=info.note,
            model_id=info.model_id,
            created_at=info.created_at,
            completed_at=info.completed_at,
            error=info.error or None,
        )


class NewTraining(Received):
    """Who learns, and of what."""

    chatbot_id: Text
    dataset_id: Text


@router.get("/jobs")
async def list_jobs(
    session: Reader,
    caller: Caller,
    paging: Pages,
    chatbot_id: Annotated[str, Query(alias="chatbotId")] = "",
) -> Success[Paged[TrainingShown]]:
    """List all training jobs, newest first."""
    found, total = await training.list_page(
        session, owner_id=caller.user_id, chatbot_id=chatbot_id, limit=paging.size, offset=paging.offset
    )
    return page([TrainingShown.of(one) for one in found], total, paging)


@router.post("/jobs", status_code=201)
async def create_job(
    body: NewTraining, session: Session, caller: Caller, address: Address
) -> Success[TrainingShown]:
    """Create a new training job."""
    started = await training.start(
        session, body.chatbot_id, body.dataset_id, owner_id=caller.user_id, actor=caller, address=address
    )
    return ok(TrainingShown.of(started))


@router.get("/jobs/{job_id}")
async def get_job(job_id: str, session: Reader, caller: Caller) -> Success[TrainingShown]:
    """Get a specific training job."""
    return ok(TrainingShown.of(await training.get(session, job_id, owner_id=caller.user_id)))


@router.get("/jobs/{job_id}/report")
async def get_report(job_id: str, db: Stores, caller: Caller) -> Success[dict[str, Any]]:
    """Get what a finished training found out: figures, confusions, the curve of out-of-scope, suggestions."""
    return ok(wire_names.camel(await training.report(db, job_id, owner_id=caller.user_id)))


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(
    job_id: str, session: Session, caller: Caller, address: Address
) -> Success[TrainingShown]:
    """Cancel a training job that waits or runs."""
    ended = await training.cancel(session, job_id, owner_id=caller.user_id, actor=caller, address=address)
    return ok(TrainingShown.of(ended))
