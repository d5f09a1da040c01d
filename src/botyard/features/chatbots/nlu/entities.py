"""Entities of a message from all sources: learned marks, values with synonyms, patterns, rules and dates.

Overlaps are settled always the same way: what the chatbot's maker wrote down wins over what was learned, that over
rules; then the longer one, then the first.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from botyard.features.chatbots.content import Entity
from botyard.features.chatbots.nlu import dates, rules
from botyard.features.chatbots.nlu.errors import NotTrainable
from botyard.features.chatbots.nlu.tagger import Tagger, tokens
from botyard.features.chatbots.nlu.types import Found
from botyard.kit import clock

log = structlog.get_logger(__name__)

PATTERN_S = 0.02  # for one pattern on one message
_PATTERNS_S = 0.08  # for all of them
_MAX_PATTERN = 1000
_MAX_WORDS = 20  # of a value that is looked for: every run of so many words of a message is compared
_MAX_FOUND = 50  # of one pattern in one message
_STRIKES = 3  # a pattern that ran out of time so often is left out from then on
_RANK = {"pattern": 0, "lookup": 1, "learned": 2, "rule": 3}
_SYSTEM_RANK = {name: at for at, name in enumerate(rules.SYSTEM)}


class Lookups:
    """Values with their synonyms, found as whole words whatever their case."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self._meanings: dict[str, dict[tuple[str, ...], str]] = {}  # entity: words: value
        self._by_words: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._longest = 0
        for name, entity in sorted(entities.items()):
            own = self._meanings.setdefault(name, {})
            for value, synonyms in entity.values.items():
                for written in (value, *synonyms):
                    words = _words(written)
                    if words and words not in own:
                        own[words] = value
                        if len(words) > _MAX_WORDS:
                            continue
                        self._by_words.setdefault(words, []).append((name, value))
                        self._longest = max(self._longest, len(words))

    def value_of(self, entity: str, written: str) -> str:
        """What a text stands for; itself where it is no synonym."""
        return self._meanings.get(entity, {}).get(_words(written), written)

    def find(self, text: str) -> Iterator[Found]:
        """Every value that occurs; of those that begin at the same word, the longest."""
        if not self._longest:
            return
        places = tokens(text)
        folded = [_folded(place.text) for place in places]
        for first in range(len(places)):
            for count in range(min(self._longest, len(places) - first), 0, -1):
                known = self._by_words.get(tuple(folded[first : first + count]))
                if known:
                    start, end = places[first].start, places[first + count - 1].end
                    for entity, value in known:
                        yield Found(entity=entity, value=value, text=text[start:end], start=start, end=end, source="lookup")  # fmt: skip
                    break


class Patterns:
    """Regular expressions of users: each match is bounded in time, and one that keeps running out is left out."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self._patterns = [
            (name, _compiled(name, each)) for name, one in sorted(entities.items()) for each in one.patterns
        ]
        self._strikes = [0] * len(self._patterns)  # fmt: skip

    def find(self, text: str) -> list[Found]:
        """Whatever matches; the group `value`, if there is one, is the value."""
        found: list[Found] = []
        left = _PATTERNS_S
        for at, (name, pattern) in enumerate(self._patterns):
            if self._strikes[at] >= _STRIKES or left <= 0:
                continue
            began, least_s = clock.monotonic(), 0.0
            try:
                found += _matches(name, pattern, text)
            except TimeoutError:
                least_s = PATTERN_S
                self._strikes[at] += 1
                log.warning("pattern_too_slow", entity=name, strikes=self._strikes[at])
            # Those that just keep within it count, too; none takes all the time of the others.
            left -= min(max(clock.monotonic() - began, least_s), 2 * PATTERN_S)
        return found


class Finder:
    """All sources together."""

    def __init__(
        self, entities: Mapping[str, Entity], languages: Sequence[str], tagger: Tagger | None
    ) -> None:
        self.languages, self.tagger = list(languages), tagger
        self._lookups, self._patterns = Lookups(entities), Patterns(entities)

    def find(self, text: str, *, now: datetime, language: str = "") -> list[Found]:
        """The entities of a text in their order; none overlaps another."""
        plain = [
            *rules.find(text),
            *dates.find(text, now=now, languages=[language] if language else self.languages),
        ]
        found = [*plain, *self._patterns.find(text), *self._lookups.find(text), *self._learned(text, plain)]
        return settled(found)

    def _learned(self, text: str, plain: Sequence[Found]) -> Iterator[Found]:
        values = {(each.start, each.end): each.value for each in plain}
        for span in self.tagger.spans(text) if self.tagger else ():
            inside = text[span.start : span.end]
            value: Any = self._lookups.value_of(span.entity, inside)
            if value == inside:
                value = values.get((span.start, span.end), inside)
            yield Found(
                entity=span.entity, value=value, text=inside, start=span.start, end=span.end,
                confidence=round(span.confidence, 4), source="learned", role=span.role,
            )  # fmt: skip


def settled(found: Sequence[Found]) -> list[Found]:
    """Without overlaps. The same place may keep a learned role for a value that was written down."""
    roles = {(each.entity, each.start, each.end): each.role for each in found if each.role}
    kept: list[Found] = []
    for each in sorted(found, key=_order):
        if not any(each.start < other.end and other.start < each.end for other in kept):
            kept.append(_with_role(each, roles.get((each.entity, each.start, each.end), "")))
    return sorted(kept, key=lambda each: each.start)


def check(entities: Mapping[str, Entity]) -> None:
    """Raises NotTrainable for a pattern that is none."""
    Patterns(entities)


def _order(each: Found) -> tuple[int, int, int, int, str]:
    rank = _RANK[each.source]
    system = _SYSTEM_RANK.get(each.entity, len(_SYSTEM_RANK)) if each.source == "rule" else 0
    return rank, -(each.end - each.start), system, each.start, each.entity


def _with_role(each: Found, role: str) -> Found:
    if not role or each.role:
        return each
    return Found(
        entity=each.entity, value=each.value, text=each.text, start=each.start, end=each.end,
        confidence=each.confidence, source=each.source, role=role,
    )  # fmt: skip


def _words(text: str) -> tuple[str, ...]:
    return tuple(_folded(token.text) for token in tokens(text))


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _compiled(entity: str, pattern: str) -> Any:
    import regex

    if len(pattern) > _MAX_PATTERN:
        raise NotTrainable(f"A pattern of the entity {entity} is longer than {_MAX_PATTERN} characters.")
    try:
        return regex.compile(pattern, regex.IGNORECASE | regex.UNICODE)
    except regex.error as error:
        message = f"The pattern {pattern!r} of the entity {entity} is no regular expression: {error}."
        raise NotTrainable(message) from None


def _matches(entity: str, pattern: Any, text: str) -> list[Found]:
    found = []
    group = "value" if "value" in pattern.groupindex else 0
    for match in pattern.finditer(text, timeout=PATTERN_S):
        if match.end() > match.start() and match[group] is not None:
            found.append(
                Found(entity=entity, value=match[group], text=match[0], start=match.start(), end=match.end(), source="pattern")
            )  # fmt: skip
        if len(found) >= _MAX_FOUND:
            break
    return found
