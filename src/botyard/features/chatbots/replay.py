"""Holding a conversation again with another version: what would it have said, and where does that differ?

Nothing is stored and nobody outside is asked: where a version would search or ask a language model, that is what
the replay says. What the user wrote was stored with hidden numbers, so answers that need them may differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from botyard.core.ingest.reader import Row
from botyard.features.chatbots import conversation_store as store
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.conversation_types import details
from botyard.features.chatbots.runtime.step import spoken, step, wants_understanding
from botyard.features.chatbots.runtime.types import (
    HandoverAsked,
    KnowledgeFound,
    ModelSaid,
    NeedsKnowledge,
    NeedsModel,
    Outcome,
    Returned,
    Started,
    State,
    Understood,
    UserEvent,
)
from botyard.features.chatbots.runtime.version import Version
from botyard.kit import clock

MAX_EVENTS = 2000
_EVENTS = "SELECT * FROM conversation_events WHERE conversation_id = :id ORDER BY seq LIMIT :limit"


@dataclass(slots=True)
class Said:
    """What happened in one turn: the intent, what was said, what was called for."""

    intent: str = ""
    texts: list[str] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)  # their names, empty for free text
    handover: bool = False
    outside: str = ""  # knowledge or model, where the answer came or would come from there


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the user with both answers."""

    user: str
    before: Said
    after: Said

    @property
    def differs(self) -> bool:
        """Whether somebody would notice."""
        if self.before.handover != self.after.handover or self.before.outside != self.after.outside:
            return True
        return not self.after.outside and self.before.texts != self.after.texts


async def replay(chat: ChatRuntime, conversation_id: str, version: Version, *, owner_id: int) -> list[Turn]:
    """A stored conversation held with `version`, turn by turn. Raises NoSuchConversation."""
    conversation = await store.get(chat.reader, conversation_id, owner_id=owner_id)
    rows = await chat.reader.scan(_EVENTS, {"id": conversation.id, "limit": MAX_EVENTS})
    state = State(channel=conversation.channel, seed=conversation.state.seed, language="")
    at = clock.from_us(conversation.created_us)
    state = step(version, state, Started(), None, at).state
    turns: list[Turn] = []
    for row, answers in turns_of(rows):
        if row["kind"] == "returned":
            state = step(version, state, Returned(), None, clock.from_us(row["at_us"])).state
        elif row["kind"] == "attended":
            state.status, state.held = "attended", True
        else:
            said, state = await again(version, state, event_of(row, state), now=clock.from_us(row["at_us"]))
            turns.append(Turn(row["text"], stored(row, answers), said))
    return turns


async def again(version: Version, state: State, event: UserEvent, *, now: datetime) -> tuple[Said, State]:
    """One message through a version, without anything outside; golden conversations go this way too."""
    text, understanding = spoken(state, event), None
    if version.nlu is not None and text and wants_understanding(version, state, event):
        understanding = await version.nlu.understand(text, now=now)
    outcomes = [step(version, state, event, understanding, now)]
    outside = ""
    if (need := outcomes[0].need) is not None:
        outside = "knowledge" if isinstance(need, NeedsKnowledge) else "model"
        outcomes.append(_without(version, outcomes[0].state, need, now))
    return _said(outcomes, outside), outcomes[-1].state


def _without(version: Version, state: State, need: object, now: datetime) -> Outcome:
    """Go on as if an answer had come from outside; its words are nobody's to foretell."""
    come = KnowledgeFound(text="…") if isinstance(need, NeedsKnowledge) else ModelSaid(text="…")
    if not isinstance(need, NeedsKnowledge | NeedsModel):
        return Outcome([], _free(state))
    outcome = step(version, state, come, None, now)
    return Outcome(outcome.events, _free(outcome.state))


def _free(state: State) -> State:
    state.pending = None
    return state


def _said(outcomes: Sequence[Outcome], outside: str) -> Said:
    said = Said(outside=outside)
    for outcome in outcomes:
        said.texts += [message.text for message in outcome.messages]
        said.responses += [message.response for message in outcome.messages]
        for event in outcome.events:
            if isinstance(event, Understood) and not event.out_of_scope:
                said.intent = event.intent
            said.handover = said.handover or isinstance(event, HandoverAsked)
    return said


def event_of(row: Row, state: State) -> UserEvent:
    """What the user did. A button counts where this version offers it too; else its title was said."""
    kept, choice = details(row), None
    if kept.get("choice") is not None:
        titles = [button.title for button in state.offered]
        choice = titles.index(row["text"]) if row["text"] in titles else None
    return UserEvent(text=row["text"], choice=choice, language=kept.get("language", ""))


def turns_of(rows: Sequence[Row]) -> list[tuple[Row, list[Row]]]:
    """The user's messages with what followed, and what people did in between."""
    found: list[tuple[Row, list[Row]]] = []
    for row in rows:
        if row["kind"] in ("user", "attended", "returned"):
            found.append((row, []))
        elif found:
            found[-1][1].append(row)
    return found


def stored(row: Row, answers: Sequence[Row]) -> Said:
    """What was said to a message when it was sent."""
    said = Said(intent=row["intent"] or "")
    for answer in answers:
        if answer["kind"] == "handover":
            said.handover = True
        elif answer["kind"] == "bot":
            kept = details(answer)
            said.texts.append(answer["text"])
            said.responses.append(kept.get("response", ""))
            if kept.get("source") in ("knowledge", "model"):
                said.outside = kept["source"]
    return said
