"""Calling a person in. Who waits, and since when, is the store's business: nothing said here moves a place."""

from botyard.features.chatbots.runtime import words
from botyard.features.chatbots.runtime.hours import staffed
from botyard.features.chatbots.runtime.turn import Turn
from botyard.features.chatbots.runtime.types import HandoverAsked


def wanted(turn: Turn, text: str) -> bool:
    """Whether the words of a message ask for a person."""
    said = words.plain(text)
    return any(words.says(said, words.plain(word)) for word in turn.content.settings.handover.words)


def is_due(turn: Turn) -> bool:
    """Whether so many messages in a row were not understood that a person is to be called."""
    settings = turn.content.settings.handover
    return settings.enabled and 0 < settings.after_misses <= turn.state.misses


def call(turn: Turn, reason: str) -> bool:
    """Call a person and say so; false where the chatbot has none.

    Within office hours the chatbot keeps quiet from then on, and its flows are left; else it goes on meanwhile.
    Calling again changes nothing but what is said.
    """
    settings = turn.content.settings.handover
    if not settings.enabled:
        turn.miss("handover")
        turn.say("", instead="nobody", source="handover")
        return False
    here = staffed(settings.hours, turn.now)
    if turn.state.status == "open":
        turn.state.status, turn.state.handed = "waiting", True
        turn.events.append(HandoverAsked(reason, here))
    else:
        turn.note("A person was called before; the place in the queue stays.")
    if reason in ("asked", "misses"):
        turn.miss("handover")
    turn.state.held, turn.state.misses = here, 0
    if here:
        turn.drop_flows()
    turn.say(
        settings.queued if here else settings.closed,
        instead="queued" if here else "closed",
        source="handover",
    )
    return True
