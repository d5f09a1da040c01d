"""What an answer needs from outside: the knowledge of a chatbot, a language model. Trouble there is noted, never raised."""

import asyncio
from dataclasses import dataclass, field

import structlog

from botyard.core.ingest.reader import Row
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import Conversation
from botyard.features.chatbots.runtime import commands
from botyard.features.chatbots.runtime.outgoing import Outgoing
from botyard.features.chatbots.runtime.ports import Knowledge, LanguageModel, OnToken, Talk
from botyard.features.chatbots.runtime.types import (
    CommandsMade,
    Incoming,
    KnowledgeFound,
    ModelSaid,
    Need,
    NeedsCommands,
    NeedsKnowledge,
    NeedsModel,
    Pending,
)
from botyard.features.chatbots.runtime.version import Version
from botyard.kit.errors import BotyardError

OUTSIDE_S = 130  # longest wait for something outside; language models have their own, shorter limits
_HISTORY = 12  # messages that a language model is told
Brought = KnowledgeFound | ModelSaid | CommandsMade
_ABSENT = "This server has nobody to ask for that."

_log = structlog.get_logger(__name__)


@dataclass
class Open:
    """A message that is stored and waits for its answer."""

    conversation: Conversation
    version: Version
    asked: Row  # the user's message
    began: float
    pending: Pending
    come: list[Incoming] = field(default_factory=list)  # what was brought from outside, in order
    heard: bool = False  # whether words were given out that somebody reads already


def need_of(pending: Pending) -> Need:
    """What a conversation waits for."""
    match pending.what:
        case "knowledge":
            return NeedsKnowledge(pending.question)
        case "model":
            return NeedsModel(pending.question, pending.prompt)
        case "commands":
            return NeedsCommands(pending.question)


def helper(chat: ChatRuntime, need: Need) -> Knowledge | LanguageModel | None:
    """Who can be asked for it; None where this process has nobody."""
    return chat.knowledge if isinstance(need, NeedsKnowledge) else chat.language_model


async def bring(chat: ChatRuntime, turn: Open, need: Need, on_token: OnToken | None) -> Incoming:
    """What is needed from outside; trouble there is told in the trace, and the ladder goes on."""
    try:
        async with asyncio.timeout(OUTSIDE_S):
            return await _ask(chat, turn, need, on_token)
    except BotyardError as error:
        note = str(error)
    except TimeoutError:
        note = f"It took longer than {OUTSIDE_S} seconds."
    except Exception:
        _log.exception("chatbots.outside_failed", conversation_id=turn.conversation.id)
        note = "It failed; the server's log says how."
    return empty(need, note)


def empty(need: Need, note: str = _ABSENT) -> Incoming:
    """What came where nothing came, and why."""
    match need:
        case NeedsKnowledge():
            return KnowledgeFound(note=note)
        case NeedsModel():
            return ModelSaid(note=note)
        case NeedsCommands():
            return CommandsMade(notes=[note])


async def _ask(chat: ChatRuntime, turn: Open, need: Need, on_token: OnToken | None) -> Incoming:
    if helper(chat, need) is None:
        return empty(need)
    if on_token is None:
        return await _brought(chat, turn, need, None)
    words = Outgoing(turn.version.content, _apart(on_token) if turn.heard else on_token)
    try:
        brought = await _brought(chat, turn, need, words.feed)
        if not isinstance(brought, CommandsMade):
            words.close(brought.text)
    finally:
        turn.heard = turn.heard or words.begun
    return brought


def _apart(hear: OnToken) -> OnToken:
    """Set the words apart from those of an answer before it, in whose place they may come."""
    gap = ["\n\n"]

    def heard(text: str) -> None:
        hear((gap.pop() if gap else "") + text)

    return heard


async def _brought(chat: ChatRuntime, turn: Open, need: Need, on_token: OnToken | None) -> Brought:
    if isinstance(need, NeedsKnowledge):
        assert chat.knowledge is not None
        return await chat.knowledge.search(
            need.question,
            owner_id=turn.conversation.owner_id,
            version=turn.version,
            language=turn.conversation.state.language,
            on_token=on_token,
        )
    assert chat.language_model is not None
    if isinstance(need, NeedsModel):
        talk = await _talk(chat, turn, need.question, need.prompt)
        return await chat.language_model.reply(talk, on_token=on_token)
    raw = await chat.language_model.commands(await _talk(chat, turn, need.text))
    made, notes = commands.read(raw, turn.version)
    return CommandsMade(commands=made, notes=notes)


async def _talk(chat: ChatRuntime, turn: Open, question: str, prompt: str = "") -> Talk:
    conversation = turn.conversation
    rows = await store.recent(chat.reader, conversation.id, before=turn.asked["seq"], limit=_HISTORY)
    state = conversation.state
    return Talk(
        version=turn.version,
        owner_id=conversation.owner_id,
        language=state.language or turn.version.content.language,
        question=question,
        prompt=prompt,
        history=[("user" if row["kind"] == "user" else "bot", row["text"]) for row in rows],
        slots=state.slots,
    )
