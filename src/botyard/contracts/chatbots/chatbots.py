"""Document section "Chatbots" (C-07 to C-11), and the versions and deployments behind `deploy`."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BeforeValidator, Field

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Choice, Paged, Pages, choice_of, page, sparse
from botyard.contracts.chatbots.schemas import Json, Moment, Text, Type
from botyard.contracts.chatbots.training import TrainingShown
from botyard.core.ingest.reader import StreamReader
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Later, Reader, Session, Stores
from botyard.features.chatbots import analytics, beginnings, deployments, training, versions, wire_names
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.deployments import PRODUCTION

router = section("Chatbots", "/chatbots")
Status = Literal["draft", "training", "trained", "deployed"]
Environment = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class ChatbotShown(Shown):
    """A chatbot. `status`: draft, training, trained, deployed."""

    id: str
    name: str
    description: str | None
    type: str
    status: str
    dataset_id: str | None
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, chatbot: chatbots.ChatbotInfo) -> "ChatbotShown":
        """The chatbot in the document's words."""
        return cls.model_validate(chatbot)


SomeChatbot = sparse(ChatbotShown)


@router.get("", responses={200: {"model": Success[Paged[SomeChatbot]]}})  # type: ignore[valid-type]
async def list_chatbots(
    session: Reader,
    caller: Caller,
    paging: Pages,
    fields: Annotated[Choice, choice_of(ChatbotShown)],
    type: Annotated[Type | None, Query()] = None,  # noqa: A002 - the document's word
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    """List one's chatbots, newest first."""
    found, total = await chatbots.list_page(
        session,
        owner_id=caller.user_id,
        limit=paging.size,
        offset=paging.offset,
        type=type or "",
        status=status or "",
    )
    return fields.page([ChatbotShown.of(chatbot) for chatbot in found], total, paging)


class NewChatbot(Received):
    """A new chatbot; `templateId` copies the content of a template, `content` is one's own."""

    name: Text
    description: str | None = None
    type: Type | None = None
    template_id: str | None = None
    content: Json | None = None


@router.post("", status_code=201)
async def create_chatbot(
    body: NewChatbot, session: Session, caller: Caller, address: Address
) -> Success[ChatbotShown]:
    """Create a new chatbot."""
    made = await beginnings.begin(
        session,
        owner_id=caller.user_id,
        name=body.name,
        description=body.description,
        type=body.type,
        template_id=body.template_id,
        content=body.content,
        actor=caller,
        address=address,
    )
    return ok(ChatbotShown.of(made))


@router.get("/{chatbot_id}")
async def get_chatbot(chatbot_id: str, session: Reader, caller: Caller) -> Success[ChatbotShown]:
    """Get a specific chatbot."""
    return ok(ChatbotShown.of(await chatbots.get(session, chatbot_id, owner_id=caller.user_id)))


class ChatbotChange(Received):
    """Absent fields stay (C-08)."""

    name: Text | None = None
    description: str | None = None
    type: Type | None = None


@router.put("/{chatbot_id}")
async def update_chatbot(
    chatbot_id: str, body: ChatbotChange, session: Session, caller: Caller
) -> Success[ChatbotShown]:
    """Update a chatbot."""
    changed = await chatbots.update(
        session,
        chatbot_id,
        owner_id=caller.user_id,
        name=body.name,
        description=body.description,
        type=body.type,
    )
    return ok(ChatbotShown.of(changed))


@router.delete("/{chatbot_id}", status_code=204)
async def delete_chatbot(chatbot_id: str, session: Session, caller: Caller, address: Address) -> None:
    """Delete a chatbot with its versions and conversations; datasets stay."""
    await chatbots.delete(session, chatbot_id, owner_id=caller.user_id, actor=caller, address=address)


class ContentShown(Shown):
    """The draft of what a chatbot says; `revision` goes with the next change of it."""

    content: Json
    revision: int


@router.get("/{chatbot_id}/content")
async def get_content(chatbot_id: str, session: Reader, caller: Caller) -> Success[ContentShown]:
    """Get the draft of responses, flows, rules and settings."""
    content, revision = await chatbots.read_content(session, chatbot_id, owner_id=caller.user_id)
    return ok(ContentShown(content=contents.write(content), revision=revision))


class ContentChange(Received):
    """The whole draft; with `revision` only while nobody else changed it since."""

    content: Json
    revision: int | None = None


@router.put("/{chatbot_id}/content")
async def put_content(
    chatbot_id: str, body: ContentChange, session: Session, caller: Caller
) -> Success[ContentShown]:
    """Replace the draft; what is deployed goes on as it is."""
    content = contents.read(body.content)
    revision = await chatbots.save_content(
        session, chatbot_id, content, owner_id=caller.user_id, revision=body.revision
    )
    return ok(ContentShown(content=contents.write(content), revision=revision))


class TrainOrder(Received):
    """What to learn from."""

    dataset_id: Text


@router.post("/{chatbot_id}/train", status_code=202)
async def train_chatbot(
    chatbot_id: str, body: TrainOrder, session: Session, caller: Caller, address: Address
) -> Success[TrainingShown]:
    """Train a chatbot on a dataset; the answer is the job that does it."""
    started = await training.start(
        session, chatbot_id, body.dataset_id, owner_id=caller.user_id, actor=caller, address=address
    )
    return ok(TrainingShown.of(started))


class DeployOrder(Received):
    """Which version, where; by default the draft with the model that was trained last."""

    channel: str = "api"
    version: Text | None = None
    environment: Environment = PRODUCTION
    note: str = ""


class DeployedShown(Shown):
    """What answers from now on, and what there is to think of."""

    id: str
    status: Literal["deployed"] = "deployed"
    version: str
    number: int
    environment: str
    deployment_id: str
    warnings: list[Json]


@router.post("/{chatbot_id}/deploy")
async def deploy_chatbot(
    chatbot_id: str,
    db: Stores,
    begin: Later,
    caller: Caller,
    address: Address,
    body: DeployOrder | None = None,
) -> Success[DeployedShown]:
    """Let a version answer; conversations that are under way stay with theirs."""
    order = body or DeployOrder()
    version, _ = await deployments.rehearse(
        db,
        chatbot_id,
        owner_id=caller.user_id,
        by=caller.user_id,
        version_id=order.version,
        environment=order.environment,
        note=order.note,
    )
    session = await begin()
    row = await deployments.deploy(
        session,
        chatbot_id,
        owner_id=caller.user_id,
        actor=caller,
        version_id=version.id,
        environment=order.environment,
        note=order.note,
        address=address,
    )
    return ok(await _deployed(session, row, chatbot_id))


class RollbackOrder(Received):
    """Where to go back."""

    environment: Environment = PRODUCTION


@router.post("/{chatbot_id}/rollback")
async def roll_back_chatbot(
    chatbot_id: str,
    session: Session,
    caller: Caller,
    address: Address,
    body: RollbackOrder | None = None,
) -> Success[DeployedShown]:
    """Let answer again what answered before the present deployment."""
    order = body or RollbackOrder()
    row = await deployments.roll_back(
        session,
        chatbot_id,
        owner_id=caller.user_id,
        actor=caller,
        environment=order.environment,
        address=address,
    )
    return ok(await _deployed(session, row, chatbot_id))


class VersionShown(Shown):
    """A frozen version; `modelId` is null where nothing was trained."""

    id: str
    number: int
    type: str
    model_id: str | None
    metrics: Annotated[Json, BeforeValidator(wire_names.camel)]
    note: str
    created_at: Moment


@router.get("/{chatbot_id}/versions")
async def list_versions(
    chatbot_id: str, session: Reader, caller: Caller, paging: Pages
) -> Success[Paged[VersionShown]]:
    """List the versions of a chatbot, newest first."""
    await chatbots.get(session, chatbot_id, owner_id=caller.user_id)
    found = await versions.list_versions(session, chatbot_id, limit=paging.size, offset=paging.offset)
    total = await versions.count(session, chatbot_id)
    return page([VersionShown.model_validate(one) for one in found], total, paging)


class AnalyticsShown(Shown):
    """Figures of a period. Shares are null where there is nothing that they are shares of."""

    chatbot_id: str
    total_conversations: int
    total_messages: int
    intents: dict[str, int]
    user_messages: int
    misunderstood: int
    misunderstood_rate: float | None
    containment: float | None
    handover_rate: float | None
    response_time_ms: float | None
    satisfaction: float | None
    ratings: dict[str, int]


@router.get("/{chatbot_id}/analytics")
async def get_analytics(
    chatbot_id: str,
    session: Reader,
    db: Stores,
    caller: Caller,
    since: Annotated[
        datetime | date | None, Query(alias="from", description="From this day, by UTC.")
    ] = None,
    until: Annotated[datetime | date | None, Query(alias="to", description="To this day, by UTC.")] = None,
    version: Annotated[str, Query(description="Of one version only.")] = "",
) -> Success[AnalyticsShown]:
    """Get a chatbot's analytics, of its whole life where no days are named."""
    await chatbots.get(session, chatbot_id, owner_id=caller.user_id)
    found = await analytics.figures(
        db.parts.get(StreamReader), chatbot_id, since=_day(since), until=_day(until), version_id=version
    )
    return ok(
        AnalyticsShown(
            chatbot_id=chatbot_id,
            total_conversations=found.conversations,
            total_messages=found.messages,
            intents=dict(found.intents),
            user_messages=found.user_messages,
            misunderstood=found.missed,
            misunderstood_rate=found.missed_rate,
            containment=found.containment,
            handover_rate=found.handover_rate,
            response_time_ms=found.latency_ms,
            satisfaction=found.satisfaction,
            ratings={str(stars): times for stars, times in found.ratings.items()},
        )
    )


def _day(moment: datetime | date | None) -> date | None:
    if not isinstance(moment, datetime):
        return moment
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC).date()
    except OverflowError:  # in the first or the last hours of the calendar
        return aware.date()


async def _deployed(session: Session, row: Any, chatbot_id: str) -> DeployedShown:
    version = await versions.get(session, str(row.shares[0][0]), chatbot_id=chatbot_id)
    return DeployedShown(
        id=chatbot_id,
        version=version.id,
        number=version.number,
        environment=row.environment,
        deployment_id=str(row.id),
        warnings=row.warnings,
    )
