"""The objects of the API as they come. A newer server may send further fields; none of these goes away."""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

T = TypeVar("T")

ChatbotType = Literal["rule", "ai", "hybrid"]


class Pagination(TypedDict):
    """Where a page is among the others."""

    total: int
    page: int
    pageSize: int
    pages: int
    next: str | None
    prev: str | None


class Page(TypedDict, Generic[T]):
    """One page of a list."""

    items: list[T]
    pagination: Pagination


class RateLimit(TypedDict):
    """What an answer said of the rate limit; `reset` is in seconds since 1970."""

    limit: int
    remaining: int
    reset: int


class Tokens(TypedDict):
    """What a session is carried on with; the refresh token can be used once."""

    accessToken: str
    refreshToken: str
    expiresIn: int


class User(TypedDict):
    """An account."""

    id: str
    username: str
    email: str


class Registered(TypedDict):
    """The answer to a registration."""

    user: User


class MfaSetup(TypedDict):
    """The second factor, for an authenticator app; it holds once a code was verified."""

    secret: str
    otpauthUrl: str
    qrCode: NotRequired[str]


class MfaState(TypedDict):
    """Whether the second factor holds; the recovery codes are shown this once."""

    enabled: bool
    recoveryCodes: NotRequired[list[str]]


class ApiKey(TypedDict):
    """An API key; `key` is in the answer that made it and nowhere else."""

    id: str
    name: str
    key: NotRequired[str]
    scopes: NotRequired[list[str]]
    createdAt: NotRequired[str]
    expiresAt: NotRequired[str | None]
    lastUsedAt: NotRequired[str | None]


class Chatbot(TypedDict):
    """A chatbot."""

    id: str
    name: str
    description: str | None
    type: ChatbotType
    status: str
    createdAt: str
    updatedAt: str


class Deployed(TypedDict):
    """What answers from now on; `warnings` holds what the server had to say of it."""

    id: str
    status: str
    version: NotRequired[str]
    environment: NotRequired[str]
    warnings: NotRequired[list[Any]]


class Version(TypedDict):
    """A frozen version of a chatbot."""

    id: str
    number: int
    note: NotRequired[str]
    createdAt: NotRequired[str]


class Content(TypedDict):
    """The draft of what a chatbot says; `revision` goes with the next change of it."""

    content: dict[str, Any]
    revision: int


class Analytics(TypedDict):
    """What happened in a period; `intents` counts messages."""

    chatbotId: str
    totalConversations: int
    totalMessages: int
    intents: dict[str, int]


class Conversation(TypedDict):
    """A conversation; `queue`, where one is read, is its place among those that wait for a person, from 1."""

    id: str
    chatbotId: str
    status: str
    queue: NotRequired[int | None]
    createdAt: str
    updatedAt: str


class Intent(TypedDict):
    """What a message was understood as, and how surely, 0 to 1."""

    name: str
    confidence: float


class Message(TypedDict):
    """A message of a conversation."""

    id: str
    conversationId: str
    sender: str
    text: str
    intent: Intent | None
    createdAt: str


class Exchange(TypedDict):
    """A message and its reply, None while a person answers; `replies` are all where there are several."""

    message: Message
    reply: Message | None
    replies: NotRequired[list[Message]]


class TokenEvent(TypedDict):
    """A piece of a reply that is being written."""

    type: Literal["token"]
    text: str


class MessageEvent(TypedDict):
    """The end of a stream: what was stored."""

    type: Literal["message"]
    message: Message
    reply: Message | None
    replies: NotRequired[list[Message]]


StreamEvent = TokenEvent | MessageEvent


class Template(TypedDict):
    """Content to begin a chatbot with."""

    id: str
    name: str
    description: str | None
    type: ChatbotType
    content: dict[str, Any]
    createdAt: str
    updatedAt: str


class Example(TypedDict):
    """One thing that people say, and what they mean by it."""

    text: str
    intent: str
    entities: NotRequired[list[dict[str, Any]]]
    language: NotRequired[str]


class Dataset(TypedDict):
    """A dataset; `examples` are there where one dataset is read."""

    id: str
    name: str
    description: str | None
    exampleCount: int
    examples: NotRequired[list[Example]]
    createdAt: str
    updatedAt: str


class Job(TypedDict):
    """A training job: queued, running, completed, failed or cancelled; `progress` is 0 to 1."""

    id: str
    chatbotId: str
    datasetId: str | None
    status: str
    createdAt: str
    completedAt: str | None
    progress: NotRequired[float]
    error: Any


class VoiceInfo(TypedDict):
    """A voice that can speak."""

    id: str
    name: str
    language: str


class Speech(TypedDict):
    """Spoken text, in base64."""

    audio: str
    contentType: str


class Transcript(TypedDict):
    """What was said."""

    text: str


class Webhook(TypedDict):
    """A webhook; `secret` is in the answer that made it, where the server made it."""

    id: str
    url: str
    events: list[str]
    createdAt: str
    secret: NotRequired[str]


class Delivery(TypedDict):
    """One event on its way to one webhook."""

    id: str
    event: NotRequired[str]
    state: NotRequired[str]
    attempts: NotRequired[Any]
    createdAt: NotRequired[str]
