"""Golden conversations: what every further version must go on understanding and answering in the same way.

One is made of a conversation as it was held, and ends where a person took over. A response counts by its name, so
another wording of it is no change; what has no name counts by its text.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import func, select

from botyard.core.ingest.reader import StreamReader
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.conversation_store import NoSuchConversation
from botyard.features.chatbots.conversation_types import details
from botyard.features.chatbots.models import GoldenConversation
from botyard.features.chatbots.replay import Said, again, stored, turns_of
from botyard.features.chatbots.runtime.step import step
from botyard.features.chatbots.runtime.types import Started, State, UserEvent
from botyard.features.chatbots.runtime.version import Version
from botyard.kit import clock, ids
from botyard.kit.db import Session
from botyard.kit.errors import Invalid, NotFound

MAX_GOLDEN = 30  # of one chatbot: all of them are replayed before each deployment
MAX_TURNS = 40
MAX_NAME = 200
_KEPT = 1000
_EVENTS = "SELECT * FROM conversation_events WHERE conversation_id = :id ORDER BY seq LIMIT :limit"


class NoSuchGolden(NotFound):
    """This chatbot has no such golden conversation."""

    code = "golden_not_found"


class NothingSaid(Invalid):
    """Nobody wrote in this conversation before a person took over, so there is nothing to hold versions to."""

    code = "nothing_said"


class Turn(Struct, kw_only=True, omit_defaults=True):
    """One message of the user, and what came of it. `response` names the responses; see `answer_of`."""

    user: str
    intent: str = ""
    response: str = ""
    at_us: int = 0  # when it was said: office hours and dates depend on it
    chosen: bool = False  # a button was pressed, `user` is its title
    language: str = ""


class Difference(Struct, kw_only=True, frozen=True):
    """Where a version departs: in turn `turn`, counted from 1; `what` is intent or response."""

    turn: int
    user: str
    what: str
    before: str
    after: str


async def make(
    session: Session,
    reader: StreamReader,
    chatbot_id: str,
    conversation_id: str,
    *,
    owner_id: int,
    name: str = "",
) -> GoldenConversation:
    """Hold every further version to a conversation as it was held.

    Raises NoSuchChatbot, NoSuchConversation, NothingSaid, Invalid for one too many.
    """
    await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    conversation = await store.get(reader, conversation_id.strip(), owner_id=owner_id)
    if conversation.chatbot_id != chatbot_id:
        raise NoSuchConversation
    count = select(func.count()).select_from(GoldenConversation)
    if int(await session.scalar(count.where(GoldenConversation.chatbot_id == chatbot_id)) or 0) >= MAX_GOLDEN:
        raise Invalid(f"A chatbot has at most {MAX_GOLDEN} golden conversations; delete one first.")
    turns = await _turns(reader, conversation.id)
    if not turns:
        raise NothingSaid
    row = GoldenConversation(
        id=ids.new("golden"),
        owner_id=owner_id,
        chatbot_id=chatbot_id,
        name=_name(name or turns[0].user[:80]),
        turns=[msgspec.to_builtins(turn) for turn in turns],
        created_at=clock.now(),
    )
    session.add(row)
    await session.flush()
    return row


async def list_golden(session: Session, chatbot_id: str) -> list[GoldenConversation]:
    """The golden conversations of a chatbot, oldest first."""
    query = select(GoldenConversation).where(GoldenConversation.chatbot_id == chatbot_id)
    return list(await session.scalars(query.order_by(GoldenConversation.created_at, GoldenConversation.id)))


async def delete(session: Session, chatbot_id: str, golden_id: str, *, owner_id: int) -> None:
    """Hold no further version to it. Raises NoSuchGolden."""
    await chatbots.hold(session, chatbot_id, owner_id=owner_id)
    row = await session.get(GoldenConversation, golden_id)
    if row is None or row.chatbot_id != chatbot_id:
        raise NoSuchGolden
    await session.delete(row)


def turns_in(row: GoldenConversation) -> list[Turn]:
    """The turns of a golden conversation."""
    return msgspec.convert(row.turns, list[Turn])


async def hold(version: Version, turns: Sequence[Turn]) -> list[Difference]:
    """Hold a golden conversation with a version, to its end; where it departs."""
    began = clock.from_us(turns[0].at_us) if turns else clock.now()
    state = step(version, State(), Started(), None, began).state
    found: list[Difference] = []
    for number, turn in enumerate(turns, start=1):
        said, state = await again(version, state, _event(turn, state), now=clock.from_us(turn.at_us))
        for what, before, after in (
            ("intent", turn.intent, said.intent),
            ("response", turn.response, answer_of(said)),
        ):
            if before != after:
                found.append(Difference(turn=number, user=turn.user, what=what, before=before, after=after))
    return found


class Checks:
    """What versions did with golden conversations. Neither ever changes, so once is enough; a part of a process."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, bool], list[Difference]] = OrderedDict()

    async def hold(self, version: Version, digest: str, row: GoldenConversation) -> list[Difference]:
        """Where the version with this digest departs."""
        key = row.id, digest, version.knowledge
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = await hold(version, turns_in(row))
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def answer_of(said: Said) -> str:
    """What was answered, in one line: names of responses, else texts; a call for a person; who was asked."""
    if said.outside:
        parts = [f"({said.outside})"]
    else:
        texts = zip(said.responses, said.texts, strict=False)
        parts = [name or f"“{text[:200]}”" for name, text in texts]
    return ", ".join([*parts, *(["(a person)"] if said.handover else [])])


async def _turns(reader: StreamReader, conversation_id: str) -> list[Turn]:
    rows = await reader.scan(_EVENTS, {"id": conversation_id, "limit": MAX_TURNS * 20})
    turns: list[Turn] = []
    for row, answers in turns_of(rows):
        if row["kind"] != "user" or len(turns) == MAX_TURNS:
            break  # a person took over
        said, kept = stored(row, answers), details(row)
        turns.append(
            Turn(
                user=row["text"],
                intent=said.intent,
                response=answer_of(said),
                at_us=row["at_us"],
                chosen=kept.get("choice") is not None,
                language=kept.get("language", ""),
            )
        )
    return turns


def _event(turn: Turn, state: State) -> UserEvent:
    """What the user did. A button counts where this version offers it too; else its title is said."""
    titles = [button.title for button in state.offered] if turn.chosen else []
    choice = titles.index(turn.user) if turn.user in titles else None
    return UserEvent(text=turn.user, choice=choice, language=turn.language)


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise Invalid(
            f"The name of a golden conversation has 1 to {MAX_NAME} characters.", details={"field": "name"}
        )
    return name
