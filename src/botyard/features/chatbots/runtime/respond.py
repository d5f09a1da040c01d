"""Choosing words: which wording of a response, in which language, with which values in it."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from botyard.features.chatbots.content import Content, Reply
from botyard.features.chatbots.runtime.phrases import phrase
from botyard.features.chatbots.runtime.types import State

MAX_TEXT = 8000
_PLACE = re.compile(r"\{([^{}\n]{1,200})\}")


def wording(content: Content, state: State, name: str) -> Reply | None:
    """One wording of a response; None where there is none.

    Of several that fit, the conversation's seed and its length choose, so a replay says the same.
    """
    fit = _best(content.responses.get(name, []), content, state)
    if not fit:
        return None
    return fit[zlib.crc32(f"{state.seed}:{name}:{state.turn}".encode()) % len(fit)]


def _best(replies: list[Reply], content: Content, state: State) -> list[Reply]:
    """Those in the user's language and channel; failing these, in the next best."""
    here = [reply for reply in replies if reply.channel in ("", state.channel)]
    own = [reply for reply in here if reply.channel]
    for pool in (own, here):
        for language in _languages(content, state):
            if found := [reply for reply in pool if _short(reply.language) == language]:
                return found
    return here


def _languages(content: Content, state: State) -> list[str]:
    return [_short(state.language or content.language), "", _short(content.language)]


def _short(language: str) -> str:
    return language.lower().replace("_", "-").partition("-")[0]


def filled(text: str, slots: Mapping[str, Any], content: Content, language: str) -> str:
    """The text with values in place of `{slot}`, in one pass: what a value contains is never looked at.

    Names that are no slots stay as they are written.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in content.slots and name not in slots:
            return match[0]
        return written(slots.get(name), language)

    return _PLACE.sub(value, text)[:MAX_TEXT]


def written(value: Any, language: str) -> str:
    """A value as people read it; no value is no text."""
    match value:
        case None:
            return ""
        case bool():
            return phrase("yes" if value else "no", language).lower()
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return ", ".join(written(one, language) for one in value)
        case dict():
            return ", ".join(f"{key}: {written(one, language)}" for key, one in value.items())
        case _:
            return str(value)
