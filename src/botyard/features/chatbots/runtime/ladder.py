"""What a chatbot tries, one after the other, when a message means nothing that was written or trained.

The language model reads it, the knowledge answers it, the language model talks, the chatbot says that it did not
understand, and after too many of these it calls a person. Rungs that are not there are passed over.
"""

from collections.abc import Callable

from botyard.features.chatbots.runtime import flows, people
from botyard.features.chatbots.runtime.turn import Turn
from botyard.features.chatbots.runtime.types import (
    KnowledgeFound,
    ModelSaid,
    NeedsCommands,
    NeedsKnowledge,
    NeedsModel,
    Pending,
)


def descend(turn: Turn, *, below: str = "") -> None:
    """Try the rungs below the named one, or all of them."""
    names = list(_RUNGS)
    for name in names[names.index(below) + 1 if below else 0 :]:
        if _RUNGS[name](turn):
            return


def found(turn: Turn, answer: KnowledgeFound, question: str) -> None:
    """The search is over: say what it brought, or go on below it."""
    if answer.text and turn.tell(answer.text, source="knowledge", citations=answer.citations):
        _understood(turn)
        return
    turn.note(answer.note or "The knowledge holds no answer.")
    turn.text = question
    descend(turn, below="knowledge")


def talked(turn: Turn, said: ModelSaid, question: str) -> None:
    """The language model has spoken; it can call a person, and nothing else."""
    spoken = bool(said.text) and turn.tell(said.text, source="model", citations=said.citations)
    if said.action == "handover":
        people.call(turn, "model")
    elif spoken:
        turn.state.clarified = said.action == "clarify"
        _understood(turn)
    else:
        turn.note(said.note or "The language model had nothing to say.")
        turn.text = question
        descend(turn, below="model")


def _understood(turn: Turn) -> None:
    turn.state.misses = 0
    flows.proceed(turn)  # what was asked before is asked again


def _read_by_model(turn: Turn) -> bool:
    if not (turn.version.model_talks and turn.content.settings.model.commands and turn.text):
        return False
    turn.state.pending = Pending("commands", turn.text)
    turn.events.append(NeedsCommands(turn.text))
    return True


def _search(turn: Turn) -> bool:
    if not (turn.content.settings.knowledge and turn.version.knowledge and turn.text):
        return False
    turn.state.pending = Pending("knowledge", turn.text)
    turn.events.append(NeedsKnowledge(turn.text))
    return True


def _talk(turn: Turn) -> bool:
    # While a question is open it is asked again instead: a chat would lead away from it.
    if not turn.version.model_talks or not turn.text or turn.state.stack:
        return False
    turn.state.pending = Pending("model", turn.text)
    turn.events.append(NeedsModel(turn.text))
    return True


def _fall_back(turn: Turn) -> bool:
    unanswered = turn.state.unanswered
    turn.miss("unanswered" if unanswered else "not understood")
    if unanswered:
        turn.note(f"It was understood as {unanswered}, and nothing is written for that.")
    if turn.state.asked is not None:
        flows.refuse(turn)
        return True
    turn.state.misses += 1
    if people.is_due(turn) and people.call(turn, "misses"):
        return True
    instead = "no_answer" if unanswered else "fallback"
    turn.say(turn.content.settings.fallback, instead=instead, source="fallback")
    return True


_RUNGS: dict[str, Callable[[Turn], bool]] = {
    "commands": _read_by_model,
    "knowledge": _search,
    "model": _talk,
    "fallback": _fall_back,
}
