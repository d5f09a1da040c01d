"""A language model's words on their way to the user, held to what a whole message is held to.

Where words may not be said, a sentence is given out when it has come to its end and nothing before it is blocked, as
nobody can take back what was shown. Where none are listed there is nothing to wait for.
"""

import re

from botyard.features.chatbots.content import Content
from botyard.features.chatbots.runtime import guard
from botyard.features.chatbots.runtime.ports import OnToken

_END = re.compile(r"[.!?…؟।]+[\"'”’»)\]]*(?=\s)|[。！？]|\n")


class Outgoing:
    """The words of one message. What it gave out begins the message that is stored, unless that is another one."""

    def __init__(self, content: Content, hear: OnToken) -> None:
        self._content = content
        self._hear = hear
        self._raw = ""
        self._given = ""
        self._stopped = False

    @property
    def begun(self) -> bool:
        """Whether anything was given out."""
        return bool(self._given)

    def feed(self, piece: str) -> None:
        """More words."""
        self._raw += piece
        if not self._content.settings.guard.blocked_words:
            self._give(self._raw)
            return
        for end in _END.finditer(self._raw, len(self._given)):
            self._give(self._raw[: end.end()])

    def close(self, text: str) -> None:
        """They are all there; `text` is what came of them."""
        if self._given and guard.clean(text).startswith(self._given):
            self._give(text)

    def _give(self, text: str) -> None:
        """Give out a text as far as it was not, if all of it may be said; after a blocked word nothing more."""
        self._stopped = self._stopped or guard.blocked(self._content, text)
        shown = guard.clean(text)
        if not self._stopped and len(shown) > len(self._given):
            self._hear(shown[len(self._given) :])
            self._given = shown
