"""Document section "Conversations" (C-12, C-13): beginning one, talking, and what people do in them."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Request, Response
from pydantic import Field

from botyard.contracts.chatbots import messages, streaming
from botyard.contracts.chatbots.chatbots import Environment
from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.messages import Answered, MessageShown
from botyard.contracts.chatbots.paging import Choice, Paged, Pages, Paging, choice_of, sparse
from botyard.contracts.chatbots.schemas import Json, Moment, Text
from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.caller import Caller
from botyard.edge.idempotency import Once
from botyard.edge.session import Stores
from botyard.features.chatbots import attending, conversations, sending, wire_names
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.deployments import PRODUCTION
from botyard.kit.db import Parts
from botyard.kit.errors import Malformed

router = section("Conversations", "/conversations")
hot = section("Conversations", "/conversations", hot=True)
Status = Literal["open", "waiting", "attended", "closed"]


class ConversationShown(Shown):
    """A conversation. `waiting`: for a person; `attended`: a person answers."""

    id: str
    chatbot_id: str
    status: str
    channel: str
    environment: str
    version_id: str | None
    message_count: int
    rating: int | None
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, conversation: Conversation) -> "ConversationShown":
        """The conversation in the document's words."""
        return cls(
            id=conversation.id,
            chatbot_id=conversation.chatbot_id,
            status=conversation.status,
            channel=conversation.channel,
            environment=conversation.environment,
            version_id=conversation.version_id,
            message_count=conversation.messages,
            rating=conversation.rating,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
        )


class ConversationWhole(ConversationShown):
    """A conversation. `waiting`: for a person, at the place `queue`; `attended`: a person answers."""

    queue: int | None = Field(
        None, description="Its place among those that wait for a person, from 1; null unless it waits."
    )


SomeConversation = sparse(ConversationShown)


def _chat(db: Stores) -> ChatRuntime:
    return db.parts.get(ChatRuntime)


async def _whole(db: Stores, conversation: Conversation) -> Success[ConversationWhole]:
    """One conversation; its place in the queue is looked up, which a list of them would be slow with."""
    shown = ConversationShown.of(conversation)
    queue = await attending.place(_chat(db), conversation)
    return ok(ConversationWhole(**shown.model_dump(), queue=queue))


@router.get("", responses={200: {"model": Success[Paged[SomeConversation]]}})  # type: ignore[valid-type]
async def list_conversations(
    db: Stores,
    caller: Caller,
    paging: Pages,
    fields: Annotated[Choice, choice_of(ConversationShown)],
    chatbot_id: Annotated[str | None, Query(alias="chatbotId")] = None,
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    """List one's conversations, newest first."""
    found, total = await conversations.list_page(
        _chat(db),
        owner_id=caller.user_id,
        chatbot_id=chatbot_id,
        status=status,
        limit=paging.size,
        offset=paging.offset,
    )
    return fields.page([ConversationShown.of(one) for one in found], total, paging)


class NewConversation(Received):
    """With whom, and where from. With `externalId`, one of that id that is still open is answered instead."""

    chatbot_id: Text
    environment: Environment = PRODUCTION
    channel: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = "api"
    external_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    language: Annotated[str, Field(max_length=16)] = ""


@router.post("", status_code=201)
async def create_conversation(
    body: NewConversation, db: Stores, caller: Caller, once: Once
) -> Success[ConversationWhole]:
    """Begin a conversation with a chatbot; in the environment `draft` it is a trial, which calls nobody."""
    made = await conversations.start(
        _chat(db),
        body.chatbot_id,
        owner_id=caller.user_id,
        environment=body.environment,
        channel=body.channel,
        external_id=body.external_id,
        language=body.language,
        key=once,
    )
    return await _whole(db, made)


@router.get("/{conversation_id}")
async def get_conversation(conversation_id: str, db: Stores, caller: Caller) -> Success[ConversationWhole]:
    """Get a specific conversation."""
    found = await conversations.get(_chat(db), conversation_id, owner_id=caller.user_id)
    return await _whole(db, found)


@router.get("/{conversation_id}/messages", responses={200: {"model": Success[Paged[MessageShown]]}})
async def list_messages(conversation_id: str, db: Stores, caller: Caller, paging: Pages) -> Response:
    """Get the messages of a conversation, oldest first."""
    found, total = await conversations.list_messages(
        _chat(db), conversation_id, owner_id=caller.user_id, limit=paging.size, offset=paging.offset
    )
    return _page([messages.told(message) for message in found], total, paging)


class MessageIn(msgspec.Struct, rename="camel"):
    """A message on the wire: a text, or the index of a button of the last answer."""

    text: str | None = None
    choice: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    language: Annotated[str, msgspec.Meta(max_length=16)] = ""


_NO_TEXT = {"in": "body", "field": "text", "kind": "shape", "message": "a text is needed"}
_message = msgspec.json.Decoder(MessageIn)
_SCHEMA = fast.body_schema(
    {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": sending.MAX_TEXT},
            "choice": {
                "type": "integer",
                "minimum": 0,
                "description": "Index of a button, in place of a text.",
            },
            "language": {"type": "string", "examples": ["en", "de"]},
        },
    }
)


@hot.post(
    "/{conversation_id}/messages",
    status_code=201,
    openapi_extra=_SCHEMA,
    response_model=Success[Answered],
)
async def send_message(request: Request) -> Response:
    """Send a message in a conversation; the answer holds the reply.

    With `Idempotency-Key`, the same again answers what was stored. With `Accept: text/event-stream`, the reply
    comes as events: `token` with text as a language model writes it, then `message` with what is stored, or `error`.
    """
    body = bodies.decode(await fast.content(request), _message)
    if body.text is None and body.choice is None:
        raise Malformed("Send a text, or the index of a button as choice.", details={"problems": [_NO_TEXT]})
    parts: Parts = request.app.state.db.parts
    order: dict[str, Any] = {
        "owner_id": fast.caller(request).user_id,
        "text": body.text or "",
        "choice": body.choice,
        "language": body.language,
        "client_key": fast.idempotency_key(request),
    }
    chat, conversation_id = parts.get(ChatRuntime), request.path_params["conversation_id"]
    if "text/event-stream" in request.headers.get("accept", ""):
        return await streaming.answer(chat, conversation_id, order)
    sent = await sending.send(chat, conversation_id, **order)
    return fast.answer({"status": "success", "data": messages.answered(sent)}, status=201)


@router.get("/{conversation_id}/trace")
async def get_trace(conversation_id: str, db: Stores, caller: Caller) -> Success[dict[str, Any]]:
    """Get everything that happened in a conversation and why: how each message was read, and what followed."""
    events = await conversations.trace(_chat(db), conversation_id, owner_id=caller.user_id)
    return ok({"events": [wire_names.traced(event) for event in events]})


class Rating(Received):
    """How good it was."""

    rating: Annotated[int, Field(ge=1, le=5, strict=True)]


@router.post("/{conversation_id}/rating")
async def rate_conversation(
    conversation_id: str, body: Rating, db: Stores, caller: Caller, once: Once
) -> Success[ConversationWhole]:
    """Keep how good the user found a conversation."""
    rated = await conversations.rate(
        _chat(db), conversation_id, owner_id=caller.user_id, rating=body.rating, key=once
    )
    return await _whole(db, rated)


@router.post("/{conversation_id}/messages/{message_id}/thumbs-down", status_code=204)
async def thumbs_down(conversation_id: str, message_id: str, db: Stores, caller: Caller, once: Once) -> None:
    """Say that an answer was wrong; what was asked goes to the inbox."""
    await conversations.thumbs_down(_chat(db), conversation_id, message_id, owner_id=caller.user_id, key=once)


@router.post("/{conversation_id}/close")
async def close_conversation(
    conversation_id: str, db: Stores, caller: Caller, once: Once
) -> Success[ConversationWhole]:
    """End a conversation."""
    return await _whole(
        db, await conversations.close(_chat(db), conversation_id, owner_id=caller.user_id, key=once)
    )


@router.post("/{conversation_id}/attend")
async def attend(conversation_id: str, db: Stores, caller: Caller, once: Once) -> Success[ConversationWhole]:
    """Take a conversation over from the chatbot, which is silent from now on."""
    taken = await attending.attend(
        _chat(db), conversation_id, owner_id=caller.user_id, by=caller.user_id, key=once
    )
    return await _whole(db, taken)


class PersonReply(Received):
    """What a person says."""

    text: Annotated[str, Field(min_length=1, max_length=sending.MAX_TEXT)]


@router.post("/{conversation_id}/replies", status_code=201)
async def reply_in_person(
    conversation_id: str, body: PersonReply, db: Stores, caller: Caller, once: Once
) -> Success[Json]:
    """Answer as a person in a conversation that one attends."""
    said = await attending.reply(
        _chat(db), conversation_id, owner_id=caller.user_id, by=caller.user_id, text=body.text, key=once
    )
    return ok(messages.told(said))


@router.post("/{conversation_id}/return")
async def give_back(
    conversation_id: str, db: Stores, caller: Caller, once: Once
) -> Success[ConversationWhole]:
    """Give a conversation back to the chatbot."""
    given = await attending.give_back(
        _chat(db), conversation_id, owner_id=caller.user_id, by=caller.user_id, key=once
    )
    return await _whole(db, given)


def _page(items: list[Any], total: int, paging: Paging) -> Response:
    data = {"items": items, "pagination": paging.frame(total).model_dump()}
    return fast.answer({"status": "success", "data": data})
