"""Tables of chatbots. What people wrote and what was learned of it is in the main store, what was talked in the
stream store, where only the group-commit writer writes."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from botyard.kit.db import Base, StreamBase

_Id = BigInteger().with_variant(Integer, "sqlite")


class Chatbot(Base):
    """What a chatbot has beside the row in `bots`; `content` is the draft that the next version freezes."""

    __tablename__ = "chatbots"

    id: Mapped[str] = mapped_column(ForeignKey("bots.id", ondelete="CASCADE"), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    description: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(10))  # rule, ai, hybrid
    status: Mapped[str] = mapped_column(String(20))  # draft, training, trained, deployed
    content: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(Integer, default=0)  # of the content, for editors that meet
    dataset_id: Mapped[str | None] = mapped_column(String(40))  # what it was trained on last


class Dataset(Base):
    """Examples of what people say; `extras` keeps what an import brought and no table here holds."""

    __tablename__ = "chatbot_datasets"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(16))
    responses: Mapped[dict[str, Any]]  # intent: reply
    extras: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(Integer)
    example_count: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Example(Base):
    """One thing that people say, and what they mean by it."""

    __tablename__ = "chatbot_examples"
    __table_args__ = (
        Index(None, "dataset_id", "id"),  # the table of the editor, page by page
        Index(None, "dataset_id", "intent"),
        Index(None, "dataset_id", "digest"),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("chatbot_datasets.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    intent: Mapped[str] = mapped_column(String(200))
    entities: Mapped[list[Any]]  # [{start, end, entity, value?, role?}]
    language: Mapped[str] = mapped_column(String(16))  # empty: the dataset's
    source: Mapped[str] = mapped_column(String(40))  # api, dashboard, inbox, import
    digest: Mapped[str] = mapped_column(String(32))  # of the text without case and blanks: duplicates


class Artifact(Base):
    """Part of a file by its SHA-256: snapshots, trained models, reports. Parts, so that no write is long."""

    __tablename__ = "chatbot_artifacts"

    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    parts: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)  # of the whole
    data: Mapped[bytes] = mapped_column(LargeBinary)
    kept_at: Mapped[datetime]  # when somebody last asked to keep it: what nothing refers to goes a day later


class TrainingJob(Base):
    """One training: of which snapshot, and what came of it. How far it is says its job."""

    __tablename__ = "chatbot_training_jobs"
    __table_args__ = (Index(None, "owner_id", "created_at"), Index(None, "chatbot_id", "created_at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    dataset_id: Mapped[str | None] = mapped_column(String(40))
    snapshot: Mapped[str] = mapped_column(String(64))  # digest of the artifact
    state: Mapped[str] = mapped_column(String(20))  # queued, running, completed, failed, cancelled
    error: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = mapped_column(String(40))
    model_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]


class ModelVersion(Base):
    """A trained model; never changed."""

    __tablename__ = "chatbot_models"
    __table_args__ = (UniqueConstraint("chatbot_id", "number"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    training_id: Mapped[str] = mapped_column(String(40))
    snapshot: Mapped[str] = mapped_column(String(64))
    artifact: Mapped[str] = mapped_column(String(64))
    report: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]]  # accuracy, macro_f1, recipe, encoder, counts
    created_at: Mapped[datetime]


class BotVersion(Base):
    """A whole chatbot as it can be deployed: a model, if any, and content; never changed."""

    __tablename__ = "chatbot_versions"
    __table_args__ = (UniqueConstraint("chatbot_id", "number"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    model_id: Mapped[str | None] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(10))
    content: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))  # of model and content: the same again is no new version
    note: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(BigInteger)


class Deployment(Base):
    """Which versions answer in an environment, from here on; the newest row counts, none is ever changed."""

    __tablename__ = "chatbot_deployments"
    __table_args__ = (Index(None, "chatbot_id", "environment", "id"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    environment: Mapped[str] = mapped_column(String(40))
    shares: Mapped[list[Any]]  # [[version id, weight], …]; empty takes it out of service
    kind: Mapped[str] = mapped_column(String(20))  # deploy, rollback, split, undeploy
    note: Mapped[str] = mapped_column(String(200))
    warnings: Mapped[list[Any]]  # what the gate had to say
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(BigInteger)


class GoldenConversation(Base):
    """A conversation that every version must hold as it was held: the gate replays it before a deployment."""

    __tablename__ = "chatbot_golden"
    __table_args__ = (Index(None, "chatbot_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    turns: Mapped[list[Any]]  # [{user, intent, response}]
    created_at: Mapped[datetime]


class ChatTemplate(Base):
    """Content to begin a chatbot with, of one account; those that come with the server are in the program."""

    __tablename__ = "chatbot_templates"
    __table_args__ = (Index(None, "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(10))
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class KnowledgeSource(Base):
    """A document that a chatbot answers from; `content` is what was uploaded or fetched, as it came."""

    __tablename__ = "chatbot_sources"
    __table_args__ = (Index(None, "chatbot_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))  # text, markdown, html, csv, pdf
    url: Mapped[str] = mapped_column(String(2048))  # empty: uploaded
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    charset: Mapped[str] = mapped_column(String(40))  # as the sender said it; empty: found out
    digest: Mapped[str] = mapped_column(String(64))  # of the content
    state: Mapped[str] = mapped_column(String(20))  # queued, running, ready, failed
    error: Mapped[str] = mapped_column(Text)
    job_id: Mapped[str | None] = mapped_column(String(40))
    revision: Mapped[int] = mapped_column(Integer)  # counts what was asked for: only the newest is kept
    encoder: Mapped[str] = mapped_column(String(64))  # fingerprint of what made the vectors; empty: none
    chunk_count: Mapped[int] = mapped_column(Integer)
    term_count: Mapped[int] = mapped_column(BigInteger)  # of all chunks together
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class KnowledgeChunk(Base):
    """A passage of a document. `terms` is what full text finds it by, on both stores the same words."""

    __tablename__ = "chatbot_chunks"
    __table_args__ = (
        Index(None, "source_id", "position", unique=True),
        Index(None, "chatbot_id"),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("chatbot_sources.id", ondelete="CASCADE"))
    chatbot_id: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(Integer)
    heading: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(Text)
    length: Mapped[int] = mapped_column(Integer)  # how many terms
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)  # float16, little-endian, of length one
    encoder: Mapped[str] = mapped_column(String(64))


class Channel(Base):
    """Where people meet a chatbot: a widget on web pages, a bot on Telegram. `key` names it in public."""

    __tablename__ = "chatbot_channels"
    __table_args__ = (UniqueConstraint("kind", "account"), Index(None, "chatbot_id", "created_at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    chatbot_id: Mapped[str] = mapped_column(ForeignKey("chatbots.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))  # widget, telegram
    name: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(40), unique=True)
    account: Mapped[str | None] = mapped_column(String(60))  # on the messenger: one channel for each
    enabled: Mapped[bool]
    origins: Mapped[list[str]]  # of pages that may show a widget; empty means any
    settings: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(Integer)  # counts changes: who serves it begins anew
    problem: Mapped[str] = mapped_column(Text)  # why it does not work at the moment, for people
    update_id: Mapped[int] = mapped_column(BigInteger)  # the first that the messenger has to send next
    created_at: Mapped[datetime]


class ChannelChat(Base):
    """A conversation on a messenger: with whom, and how far its messages were sent to them.

    A part is noted as on its way before it is sent. What a crash leaves so is never sent again: it may be there.
    """

    __tablename__ = "chatbot_channel_chats"

    conversation_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("chatbot_channels.id", ondelete="CASCADE"), index=True)
    chat_id: Mapped[str] = mapped_column(String(40))
    seq: Mapped[int] = mapped_column(BigInteger)  # of the last message that was sent whole
    parts: Mapped[int] = mapped_column(Integer)  # of the next one, those that were sent
    sending: Mapped[bool]  # a part is on its way
    unsure: Mapped[int] = mapped_column(Integer)  # parts of which nobody knows whether they arrived
    noticed: Mapped[int] = mapped_column(BigInteger)  # the last update that was answered with a notice


class Conversation(StreamBase):
    """One conversation: with whom, in which state, answered by which version. Moments are microseconds."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "status", "id"),
        Index(None, "chatbot_id", "id"),
        Index(
            "ix_conversations_waiting",
            "owner_id",
            "waiting_us",
            sqlite_where=text("waiting_us IS NOT NULL"),
            postgresql_where=text("waiting_us IS NOT NULL"),
        ),
        Index(
            "ix_conversations_pending",
            "pending_us",
            sqlite_where=text("pending_us IS NOT NULL"),
            postgresql_where=text("pending_us IS NOT NULL"),
        ),
        Index(
            "uq_conversations_external",
            "chatbot_id",
            "channel",
            "external_id",
            "environment",
            unique=True,
            sqlite_where=text("external_id IS NOT NULL"),
            postgresql_where=text("external_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # sorts by time of birth
    owner_id: Mapped[int] = mapped_column(BigInteger)
    chatbot_id: Mapped[str] = mapped_column(String(40))
    environment: Mapped[str] = mapped_column(String(40))
    version_id: Mapped[str | None] = mapped_column(String(40))  # None: the draft, or nothing is deployed
    channel: Mapped[str] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(200))  # who it is, in the channel's words
    status: Mapped[str] = mapped_column(String(20))  # open, waiting, attended, closed
    state: Mapped[str] = mapped_column(Text)  # JSON of runtime.State
    seq: Mapped[int] = mapped_column(BigInteger)  # of the last event
    messages: Mapped[int] = mapped_column(BigInteger)
    created_us: Mapped[int] = mapped_column(BigInteger)
    updated_us: Mapped[int] = mapped_column(BigInteger)
    waiting_us: Mapped[int | None] = mapped_column(BigInteger)  # since when a person is waited for
    pending_us: Mapped[int | None] = mapped_column(BigInteger)  # since when an answer is being made
    attended_by: Mapped[int | None] = mapped_column(BigInteger)
    rating: Mapped[int | None] = mapped_column(Integer)  # 1 to 5, by the user


class ConversationEvent(StreamBase):
    """One thing that happened in a conversation, in order; messages are those of the kinds user, bot, person."""

    __tablename__ = "conversation_events"
    __table_args__ = (
        Index(None, "conversation_id", "seq", unique=True),
        Index(None, "chatbot_id", "id"),
        Index(None, "at_us"),
        Index(
            "ix_conversation_events_inbox",
            "chatbot_id",
            "id",
            sqlite_where=text("review = 'open'"),
            postgresql_where=text("review = 'open'"),
        ),
        Index(
            "uq_conversation_events_client_key",
            "conversation_id",
            "client_key",
            unique=True,
            sqlite_where=text("client_key IS NOT NULL"),
            postgresql_where=text("client_key IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(String(40))  # msg_… of messages
    conversation_id: Mapped[str] = mapped_column(String(40))
    chatbot_id: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    at_us: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(
        String(20)
    )  # user, bot, person, handover, attended, returned, rated, closed
    text: Mapped[str] = mapped_column(Text)
    intent: Mapped[str | None] = mapped_column(String(200))
    confidence: Mapped[float | None] = mapped_column(Float)
    version_id: Mapped[str | None] = mapped_column(String(40))
    latency_us: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[str | None] = mapped_column(
        Text
    )  # JSON: buttons, entities, candidates, commands, citations
    review: Mapped[str | None] = mapped_column(String(10))  # open: misunderstood, to be looked at; done
    client_key: Mapped[str | None] = mapped_column(
        String(200)
    )  # the sender's: the same again is no second message


class ConversationCount(StreamBase):
    """A counter of one chatbot and day, in UTC, over all versions (empty) and for each: what analytics add up."""

    __tablename__ = "conversation_counts"
    __table_args__ = (Index(None, "owner_id", "day", "name"),)

    chatbot_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True)  # such as 20260601; 0 is all time
    version_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(220), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[int] = mapped_column(BigInteger)
