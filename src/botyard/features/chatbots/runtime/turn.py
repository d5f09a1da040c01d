"""One event being worked on: the state as it becomes, and what was done so far."""

from datetime import datetime
from typing import Any

import msgspec

from botyard.features.chatbots.content import Button, Content
from botyard.features.chatbots.runtime import guard, respond, values
from botyard.features.chatbots.runtime.phrases import phrase
from botyard.features.chatbots.runtime.types import (
    BotMessage,
    FlowEnded,
    Missed,
    Out,
    SlotSet,
    State,
    Trace,
)
from botyard.features.chatbots.runtime.version import Version

MAX_MESSAGES = 20
MAX_BUTTONS = 10
MAX_BUDGET = 200  # steps of flows


class Turn:
    """Changes a copy of the state; the one it was given stays as it is."""

    def __init__(self, version: Version, state: State, now: datetime) -> None:
        self.version = version
        self.state = msgspec.json.decode(msgspec.json.encode(state), type=State)
        self.now = now
        self.events: list[Out] = []
        self.text = ""
        self.budget = MAX_BUDGET
        self.said = 0

    @property
    def content(self) -> Content:
        """What the chatbot says and does."""
        return self.version.content

    @property
    def language(self) -> str:
        """The language to answer in."""
        return self.state.language or self.content.language

    def note(self, text: str) -> None:
        """Say why, to whoever looks into the conversation."""
        self.events.append(Trace(text))

    def miss(self, why: str) -> None:
        """Let somebody look at the message; once is enough."""
        if not any(isinstance(event, Missed) for event in self.events):
            self.events.append(Missed(why))

    def set(self, name: str, value: Any) -> None:
        """Give a slot a value; names that are no slots of this chatbot are passed over."""
        if name not in self.content.slots:
            self.note(f"There is no slot {name!r}; its value was dropped.")
            return
        value = values.storable(value)
        if self.state.slots.get(name) == value and type(self.state.slots.get(name)) is type(value):
            return
        self.state.slots[name] = value
        self.state.filled = [slot for slot in self.state.filled if slot != name]
        if value is not None:
            self.state.filled.append(name)
        self.events.append(SlotSet(name, value))

    def say(
        self, name: str, *, instead: str = "", source: str = "flow", buttons: list[Button] | None = None
    ) -> bool:
        """Say a response by its name, or the built-in phrase `instead` where the content has none."""
        reply = respond.wording(self.content, self.state, name) if name else None
        if reply is None:
            if name:
                self.note(f"There is no response {name!r}.")
            return bool(instead) and self.tell(phrase(instead, self.language), source=source, buttons=buttons)
        text = respond.filled(reply.text, self.state.slots, self.content, self.language)
        return self.tell(
            text, source=source, buttons=reply.buttons or buttons, image=reply.image, response=name
        )

    def tell(
        self,
        text: str,
        *,
        source: str,
        buttons: list[Button] | None = None,
        image: str = "",
        response: str = "",
        citations: list[dict[str, Any]] | None = None,
    ) -> bool:
        """Send a message, unless it is empty or may not be said; answers whether it was sent."""
        shown = (buttons or [])[:MAX_BUTTONS]
        text = guard.clean(text)[: respond.MAX_TEXT]
        if not (text or shown or image) or self.said >= MAX_MESSAGES:
            return False
        if guard.blocked(self.content, text):
            self.note("A message held blocked words and was not sent.")
            return False
        self.said += 1
        self.state.offered = shown
        self.events.append(
            BotMessage(
                text=text,
                buttons=shown,
                image=image,
                response=response,
                source=source,
                citations=citations or [],
            )
        )
        return True

    def drop_flows(self) -> None:
        """Leave every flow that runs."""
        while self.state.stack:
            self.events.append(FlowEnded(self.state.stack.pop().flow, cancelled=True))
        self.state.asked = None
