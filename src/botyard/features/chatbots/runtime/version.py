"""A chatbot as the runtime uses it: content and model, with what is looked up often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from botyard.features.chatbots.content import Content, Flow, Rule
from botyard.features.chatbots.runtime import words

if TYPE_CHECKING:
    from botyard.features.chatbots.runtime.ports import Nlu

Type = Literal["rule", "ai", "hybrid"]


@dataclass(frozen=True, slots=True)
class PlainRule:
    """A rule whose words were made plain."""

    rule: Rule
    phrase: str
    words: tuple[str, ...]

    def fits(self, said: str, *, phrases_only: bool = False) -> bool:
        """Whether a plain message is the phrase, or has all of the words."""
        if self.phrase and said == self.phrase:
            return True
        return not phrases_only and bool(self.words) and all(words.says(said, word) for word in self.words)


@dataclass(frozen=True)
class Version:
    """Never changed. `id` is None for a draft; rule chatbots leave the model aside, ai ones the rules."""

    id: str | None
    chatbot_id: str
    type: Type
    content: Content
    nlu: Nlu | None = None
    knowledge: bool = True  # whether there is anything to search in

    @cached_property
    def flows(self) -> Mapping[str, Flow]:
        """Flows by their ids."""
        return {flow.id: flow for flow in self.content.flows}

    @cached_property
    def flows_of_intents(self) -> Mapping[str, list[str]]:
        """Which flows start on an intent, in the order of the content."""
        found: dict[str, list[str]] = {}
        for flow in self.content.flows:
            for intent in flow.intents:
                found.setdefault(intent, []).append(flow.id)
        return found

    @cached_property
    def intents(self) -> frozenset[str]:
        """Every intent that means something here."""
        return frozenset(self.content.intents) | frozenset(self.flows_of_intents)

    @cached_property
    def rules(self) -> Sequence[PlainRule]:
        """The rules that apply, as messages are compared with them; ai chatbots have none."""
        if self.type == "ai":
            return ()
        return [
            PlainRule(rule, words.plain(rule.phrase), tuple(words.plain(word) for word in rule.words))
            for rule in self.content.rules
        ]

    @cached_property
    def model_talks(self) -> bool:
        """Whether a language model is set up and may be asked."""
        return self.type != "rule" and bool(self.content.settings.model.provider)
