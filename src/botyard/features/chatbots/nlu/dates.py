"""Dates and times in a message: found by the words that dateparser knows of a language, read by dateparser.

Its own search is not used: it takes durations for the past and parts of telephone numbers for years.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from itertools import islice
from typing import Any

from botyard.features.chatbots.nlu.text import TOKEN
from botyard.features.chatbots.nlu.types import Found

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PARTS = ("am", "pm", "morning", "afternoon", "evening", "night", "skip", "pertain", "in", "ago")
_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")
_VAGUE = {"0 second ago", "0 minute ago", "0 hour ago"}  # "now" is no date that anybody means
_FULL = re.compile(
    r"\b(?:\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2}))\b|"
    r"\d{1,4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月\d{1,2}日"
)
_CLOCK = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]\d)(?:\s?(?P<half>am|pm|uhr)\b)?|\s?(?P<part>am|pm|uhr|h)\b)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"(?:\s*,)?\s*(?:\w{1,3}\s+){0,2}")
_DOTTED = re.compile(r"\b\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})\b")
_NUMBER = re.compile(r"\d{1,2}(?:st|nd|rd|th|\.)?|(?:19|20)\d\d")
_MAX_TOKENS = 9
_MAX_TRIES = 12
_MAX_PLACES = 40  # of one message and language
# Parts of one message that dateparser is asked about: each takes it five milliseconds and more.
_MAX_READ = 10


@dataclass(frozen=True)
class _Words:
    """The words of one language. `anchors` are dates of their own, `months` only beside a number."""

    language: str
    anchors: frozenset[str]
    months: frozenset[str]
    fillers: frozenset[str]
    small: frozenset[str]  # that a date neither begins nor ends with
    prepositions: frozenset[str]  # that it does not end with
    relative: re.Pattern[str] | None


def prepare(languages: Sequence[str]) -> None:
    """Load what these languages need, which takes a moment; without dateparser nothing is ever found."""
    for language in languages:
        words = _words(language.split("-")[0].lower())
        if words is not None:
            _parse("2026-01-01", words.language, datetime(2026, 1, 1))  # noqa: DTZ001 - dateparser's base has no zone


def find(text: str, *, now: datetime, languages: Sequence[str]) -> list[Found]:
    """Dates with what they mean, seen from `now`, in its time zone; the value is ISO 8601, a date or a moment."""
    read: list[Found] = []
    patience = _Patience()
    for language in dict.fromkeys([*(each.split("-")[0].lower() for each in languages), "en"]):
        words = _words(language)
        for start, end in islice(_candidates(text, words), _MAX_PLACES) if words else ():
            one = _shrunk(text, start, end, language, now, patience)
            read += [one] if one is not None else []
    found: list[Found] = []
    for each in sorted(
        read, key=lambda one: one.start - one.end
    ):  # the language that understands most of it wins
        if not any(each.start < other.end and other.start < each.end for other in found):
            found.append(each)
    return _joined(text, sorted(found, key=lambda each: each.start), now)


def _joined(text: str, found: Sequence[Found], now: datetime) -> list[Found]:
    """A day and a time of day with only small words between them are one moment."""
    kept: list[Found] = []
    for each in found:
        before = kept[-1] if kept else None
        if before is not None and _BETWEEN.fullmatch(text[before.end : each.start]):
            day, clock = (each, before) if _CLOCK.fullmatch(before.text) else (before, each)
            said = _CLOCK.fullmatch(clock.text)
            if said and "T" not in day.value:
                moment = datetime.combine(datetime.fromisoformat(day.value), _time(said), tzinfo=now.tzinfo)
                value = moment.isoformat(timespec="seconds")
                place = text[before.start : each.end]
                kept[-1] = Found(entity="date", value=value, text=place, start=before.start, end=each.end)
                continue
        kept.append(each)
    return kept


@cache
def _words(language: str) -> _Words | None:
    try:
        from dateparser.languages.loader import default_loader
    except ImportError:
        return None
    try:
        info: dict[str, Any] = next(iter(default_loader.get_locales(languages=[language]))).info
    except (StopIteration, ValueError):  # a language that it does not know
        return None
    relative = info.get("relative-type", {})
    phrases = [phrase for key, names in relative.items() if key not in _VAGUE for phrase in names]
    days = [word for key in _WEEKDAYS for word in info.get(key, []) if len(word) > 3 or not word.isascii()]
    anchors = frozenset(each.lower() for each in [*phrases, *days] if not each.startswith("("))
    fillers = [word for key in (*_PARTS, *_UNITS) for word in info.get(key) or []]
    fillers += [token for phrase in anchors for token in TOKEN.findall(phrase)]
    return _Words(
        language=language,
        anchors=anchors,
        months=frozenset(word.lower() for key in _MONTHS for word in info.get(key, [])),
        fillers=frozenset(word.lower() for word in fillers if word.strip()),
        small=frozenset(word.lower() for word in info.get("skip", []) if word.isalpha()) - {"uhr", "h"},
        prepositions=frozenset(word.lower() for key in ("pertain", "in") for word in info.get(key) or []),
        relative=_relative(info),
    )


def _relative(info: dict[str, Any]) -> re.Pattern[str] | None:
    """In three days, vor zwei Wochen: dateparser's own patterns, the longest first, numbers as digits."""
    known = {pattern for patterns in info.get("relative-type-regex", {}).values() for pattern in patterns}
    if not known:
        return None
    both = "|".join(sorted(known, key=lambda each: (-len(each), each)))
    return re.compile(rf"(?<!\w)(?:{both})(?!\w)", re.IGNORECASE)


def _candidates(text: str, words: _Words) -> Iterator[tuple[int, int]]:
    """Places that look like a date: runs of words that belong to one, around a word that makes one."""
    sure = [match.span() for match in _FULL.finditer(text)]
    sure += [match.span() for match in (words.relative.finditer(text) if words.relative else ())]
    sure += _phrases(text.lower(), words)
    tokens = [(match[0].lower(), match.start(), match.end()) for match in TOKEN.finditer(text)]
    sure += _months(tokens, words)
    sure += [match.span() for match in _CLOCK.finditer(text)]
    usable = [_belongs(token, start, end, words, sure) for token, start, end in tokens]
    last = -1
    for start, end in sorted(sure):
        inside = [at for at, (_, left, right) in enumerate(tokens) if left < end and right > start]
        if not inside or start < last:
            continue
        low, high = inside[0], inside[-1]
        while low > 0 and usable[low - 1] and high - low < _MAX_TOKENS:
            low -= 1
        while high + 1 < len(tokens) and usable[high + 1] and high - low < _MAX_TOKENS:
            high += 1
        last = max(end, tokens[high][2])
        yield min(start, tokens[low][1]), last


def _phrases(lower: str, words: _Words) -> list[tuple[int, int]]:
    found = []
    for phrase in words.anchors:
        at = lower.find(phrase)
        while at >= 0:
            end = at + len(phrase)
            if not phrase.isascii() and not phrase[0].isalpha():
                break
            if _alone(lower, at, end):
                found.append((at, end))
            at = lower.find(phrase, end)
    return found


def _alone(text: str, start: int, end: int) -> bool:
    """Whether a place is no part of a longer word; languages without blanks have none."""
    inside = text[start:end]
    if "\u3040" <= inside[0] <= "\u9fff":
        return True
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _months(tokens: Sequence[tuple[str, int, int]], words: _Words) -> list[tuple[int, int]]:
    """Months with a number beside them, a small word between allowed: `may` alone is no date."""
    found = []
    for at, (token, start, end) in enumerate(tokens):
        if token not in words.months:
            continue
        for near in (at - 1, at + 1, at - 2, at + 2):
            if not 0 <= near < len(tokens):
                continue
            between = tokens[(near + at) // 2][0] if abs(near - at) == 2 else ""
            joined = not between or between in words.fillers or between == "."
            if joined and _NUMBER.fullmatch(tokens[near][0]):
                found.append((min(start, tokens[near][1]), max(end, tokens[near][2])))
                break
    return found


def _belongs(word: str, start: int, end: int, words: _Words, sure: Sequence[tuple[int, int]]) -> bool:
    if any(left <= start and end <= right for left, right in sure):
        return True
    return word in words.fillers or word in words.months or bool(_NUMBER.fullmatch(word)) or word in ",.:"


@dataclass
class _Patience:
    """How much is still read of a message: whoever writes nothing but dates is not to hold up everybody else."""

    left: int = _MAX_READ

    def take(self) -> bool:
        """Whether one more part may be read."""
        self.left -= 1
        return self.left >= 0


def _shrunk(
    text: str, start: int, end: int, language: str, now: datetime, patience: _Patience
) -> Found | None:
    """The longest part of a place that can be read."""
    words = _words(language)
    assert words is not None
    places = [(match.start() + start, match.end() + start) for match in TOKEN.finditer(text[start:end])]
    base, tries = now.replace(tzinfo=None), 0
    for length in range(len(places), 0, -1):
        for first in range(len(places) - length + 1):
            left, right = places[first][0], places[first + length - 1][1]
            part = text[left:right]
            ends = [text[each[0] : each[1]].lower() for each in (places[first], places[first + length - 1])]
            if not (part[0] + part[-1]).isalnum() or words.small & set(ends) or ends[1] in words.prepositions:
                continue
            tries += 1
            if tries > _MAX_TRIES or patience.left <= 0:
                return None
            read = _read(part, words, base) if _meant(part, words) and patience.take() else None
            if read is not None:
                whole = read[0].replace(tzinfo=now.tzinfo)
                value = whole.isoformat(timespec="seconds") if read[1] else whole.date().isoformat()
                return Found(entity="date", value=value, text=part, start=left, end=right)
    return None


def _meant(part: str, words: _Words) -> bool:
    """Whether it is more than numbers and small words, which dateparser would read as well."""
    lower = part.lower()
    anchored = any(
        _alone(lower, lower.find(each), lower.find(each) + len(each))
        for each in words.anchors
        if each in lower
    )
    tokens = [(match[0].lower(), match.start(), match.end()) for match in TOKEN.finditer(part)]
    return bool(
        anchored
        or _FULL.search(part)
        or _CLOCK.search(part)
        or _months(tokens, words)
        or (words.relative and words.relative.search(part))
    )  # fmt: skip


def _read(part: str, words: _Words, base: datetime) -> tuple[datetime, bool] | None:
    """The moment, and whether a time of day was said. dateparser is not asked for both at once: in most languages it
    then misses one of them."""
    clock = _CLOCK.search(part)
    if clock is None or _FULL.search(part):
        moment = _parse(part, words.language, base)
        return None if moment is None else (moment, moment.time() not in (base.time(), time.min))
    rest = f"{part[: clock.start()]} {part[clock.end() :]}"
    kept = [word for word in TOKEN.findall(rest) if word.lower() not in words.small | words.prepositions]
    said = _time(clock)
    if not kept:
        moment = datetime.combine(base, said)
        return moment if moment > base else moment + timedelta(days=1), True
    day = _parse(" ".join(kept), words.language, base) or _parse(part, words.language, base)
    return None if day is None else (datetime.combine(day, said), True)


def _time(clock: re.Match[str]) -> time:
    hour, minute = int(clock["hour"]), int(clock["minute"] or 0)
    half = (clock["half"] or clock["part"] or "").lower()
    if half in ("am", "pm") and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute)


def _parse(part: str, language: str, base: datetime) -> datetime | None:
    import dateparser

    settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", "PREFER_DAY_OF_MONTH": "first"}
    if _DOTTED.search(part):
        settings["DATE_ORDER"] = "DMY"  # whatever the language: nobody writes months first with points
    moment: datetime | None = dateparser.parse(part, languages=[language], settings=settings)
    return moment
