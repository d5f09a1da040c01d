"""What is wrong with what a chatbot says and does, found by reading it: before anybody talks to it.

Pure. A problem is `bad` where something that is written cannot happen, `warn` where it probably is not meant.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from botyard.features.chatbots import checking_flows
from botyard.features.chatbots.checking_flows import Names, Problem
from botyard.features.chatbots.content import Content, Reply, Rule
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE
from botyard.features.chatbots.runtime import words

Type = Literal["rule", "ai", "hybrid"]
MAX_PROBLEMS = 500
_PLACE = re.compile(r"\{([^{}\n]{1,200})\}")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d|24:00")


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything that was found, the worst first; `more` says how many are left out."""

    problems: list[Problem]
    more: int = 0

    def of(self, part: str, name: str | None = None) -> list[Problem]:
        """The problems of one part of the content, or of one thing in it."""
        return [each for each in self.problems if each.part == part and name in (None, each.name)]


def check(content: Content, *, type: Type = "hybrid", documents: bool | None = None) -> Checked:  # noqa: A002
    """Look through the content of a chatbot of a type. `documents`: whether it has any, None where nobody knows."""
    names = Names.of(content)
    found = [
        *checking_flows.check(content, names, type=type, documents=documents),
        *_responses(content, names),
        *_intents(content, names),
        *_rules(content, names, type),
        *_slots(content),
        *_entities(content),
        *_settings(content, names),
    ]
    found.sort(key=lambda each: each.tone)  # stable: bad before warn
    return Checked(found[:MAX_PROBLEMS], max(0, len(found) - MAX_PROBLEMS))


def _responses(content: Content, names: Names) -> Iterator[Problem]:
    for name, wordings in content.responses.items():
        said = "responses", name
        if not any(reply.text or reply.buttons or reply.image for reply in wordings):
            yield Problem("bad", "empty_response", "It has no words, so nothing is said.", *said)
        for place in sorted({place for reply in wordings for place in _places(reply)}):
            if place not in names.slots:
                text = f"{{{place}}} is no slot, so it is shown as it is written."
                yield Problem("warn", "unknown_slot", text, *said)
        for reply in wordings:
            yield from _buttons(reply, names, name)
    for name in sorted(set(content.responses) - names.used):
        yield Problem("warn", "unused_response", "Nothing says it.", "responses", name)


def _places(reply: Reply) -> set[str]:
    return {match.strip() for match in _PLACE.findall(reply.text)}


def _buttons(reply: Reply, names: Names, name: str) -> Iterator[Problem]:
    for button in reply.buttons:
        if button.flow and button.flow not in names.flows:
            text = f"The button {button.title} leads to the flow {button.flow}, which does not exist."
            yield Problem("bad", "unknown_flow", text, "responses", name)
        for slot in button.slots:
            if slot not in names.slots:
                text = f"The button {button.title} fills {slot}, which is no slot."
                yield Problem("bad", "unknown_slot", text, "responses", name)


def _intents(content: Content, names: Names) -> Iterator[Problem]:
    started = {intent for flow in content.flows for intent in flow.intents}
    called = set(content.settings.handover.intents) if content.settings.handover.enabled else set()
    for name, intent in content.intents.items():
        if intent.response and intent.response not in names.responses:
            yield names.no_response(intent.response, "intents", name)
        if not intent.response and name not in started | called | OUT_OF_SCOPE:
            yield Problem(
                "warn", "unanswered_intent", "No response, flow or person answers it.", "intents", name
            )


def _rules(content: Content, names: Names, type_: Type) -> Iterator[Problem]:
    if type_ == "ai" and content.rules:
        text = "Rules have no effect: this chatbot answers by training and a language model only."
        yield Problem("warn", "rules_ignored", text, "rules", "")
    conditional = {flow.id for flow in content.flows if flow.when is not None}
    before: list[_Plain] = []
    for number, rule in enumerate(content.rules):
        plain = _Plain.of(number, rule)
        yield from _rule(rule, plain, names)
        first = next((other for other in before if other.covers(plain)), None)
        if first is not None:
            text = f"Rule {first.number + 1} fits whenever this one does, and comes first."
            yield Problem("warn", "never_first", text, "rules", str(number))
        if rule.response or rule.flow not in conditional:  # else later ones may have their turn
            before.append(plain)


def _rule(rule: Rule, plain: "_Plain", names: Names) -> Iterator[Problem]:
    where = "rules", str(plain.number)
    if rule.response and rule.response not in names.responses:
        yield names.no_response(rule.response, *where)
    if rule.flow and rule.flow not in names.flows:
        yield names.no_flow(rule.flow, *where)
    if not rule.response and not rule.flow:
        yield Problem("bad", "leads_nowhere", "It leads to no response and no flow.", *where)
    if not plain.phrase and not plain.words:
        yield Problem("bad", "never_fits", "It has no words, so it never fits.", *where)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A rule as messages are compared with it."""

    number: int
    phrase: str
    words: frozenset[str]

    @classmethod
    def of(cls, number: int, rule: Rule) -> "_Plain":
        said = frozenset(word for word in map(words.plain, rule.words) if word)
        return cls(number, words.plain(rule.phrase), said)

    def covers(self, later: "_Plain") -> bool:
        """Whether every message that the later rule fits is taken by this one."""
        if not (later.phrase or later.words) or not (self.phrase or self.words):
            return False
        whole = self.phrase == later.phrase or self._all_in(later.phrase)
        return (not later.phrase or whole) and (
            not later.words or (bool(self.words) and self.words <= later.words)
        )

    def _all_in(self, phrase: str) -> bool:
        return bool(self.words) and all(words.says(phrase, word) for word in self.words)


def _slots(content: Content) -> Iterator[Problem]:
    for name, slot in content.slots.items():
        if slot.type == "category" and not slot.values:
            yield Problem("bad", "no_values", "It is a choice of values but has none.", "slots", name)


def _entities(content: Content) -> Iterator[Problem]:
    for name, entity in content.entities.items():
        for pattern in entity.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                text = f"The pattern {pattern} cannot be read: {error}."
                yield Problem("bad", "pattern_unreadable", text, "entities", name)
        spoken = Counter(
            word
            for value, others in entity.values.items()
            for word in {words.plain(each) for each in (value, *others)}
        )
        for word, times in spoken.items():
            if times > 1 and word:
                text = f"{word} means several values; the first one is taken."
                yield Problem("warn", "ambiguous_value", text, "entities", name)


def _settings(content: Content, names: Names) -> Iterator[Problem]:
    settings = content.settings
    said = {
        "The greeting": settings.greeting,
        "The fallback": settings.fallback,
        "The refusal": settings.guard.refusal,
        "What is said in the queue": settings.handover.queued,
        "What is said while nobody is there": settings.handover.closed,
    }
    for what, response in said.items():
        if response and response not in names.responses:
            text = f"{what} is the response {response}, which does not exist."
            yield Problem("bad", "unknown_response", text, "settings")
    yield from _hours(content)


def _hours(content: Content) -> Iterator[Problem]:
    hours = content.settings.handover.hours
    if hours is None:
        return
    if not is_timezone(hours.timezone):
        text = f"{hours.timezone} is no time zone, so UTC is taken."
        yield Problem("bad", "unknown_timezone", text, "settings")
    spans = [span for spans in hours.days.values() for span in spans]
    if any(not _TIME.fullmatch(moment) for span in spans for moment in span):
        yield Problem("bad", "hours_unreadable", "A time of the office hours cannot be read.", "settings")
    if not spans:
        text = "The office hours are empty, so nobody is ever there."
        yield Problem("warn", "never_staffed", text, "settings")


def is_timezone(name: str) -> bool:
    """Whether there is a time zone of that name, such as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
