"""Forms of a chatbot's settings, read into the structures of its content."""

import re
from functools import cache
from typing import cast, get_args
from zoneinfo import available_timezones

from msgspec.structs import replace

from botyard.features.chatbots.checking import is_timezone
from botyard.features.chatbots.content import (
    Content,
    Guard,
    HandoverSettings,
    Hours,
    ModelSettings,
    OperatingPoint,
    Settings,
)
from botyard.kit.errors import Invalid
from botyard.web.chatbots.content_forms import Prefixed, lines, listed, prose, with_words
from botyard.web.forms import Fields

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
POINTS = {
    "strict": "Strict: answers only when it is sure",
    "balanced": "Balanced",
    "lenient": "Lenient: rather answers than asks",
}
PROVIDERS = {"": "none", "ollama": "Ollama", "openai": "OpenAI, or a server that speaks like it"}
_SPAN = re.compile(r"\s*(\d{1,2}:\d{2})\s*(?:-|–|to)\s*(\d{1,2}:\d{2})\s*")


def with_settings(content: Content, settings: Settings) -> Content:
    """The content with other settings."""
    return replace(content, settings=settings)


def answers(content: Content, fields: Fields) -> Content:
    """Languages, how sure it must be, what it says first and last. Raises Invalid."""
    point = fields["operating_point"]
    if point not in get_args(OperatingPoint):
        raise Invalid("Choose how sure it must be.", details={"field": "operating_point"})
    margin = fields.number("clarify_margin", "The margin", low=0, high=1)
    content = replace(
        content, language=fields.needed("language", "The language"), languages=listed(fields["languages"])
    )
    content, greeting = _said(content, fields, "greeting")
    content, fallback = _said(content, fields, "fallback")
    settings = replace(
        content.settings,
        operating_point=cast("OperatingPoint", point),
        clarify_margin=content.settings.clarify_margin if margin is None else margin,
        greeting=greeting,
        fallback=fallback,
        knowledge=bool(fields["knowledge"]),
    )
    return with_settings(content, settings)


def _said(content: Content, fields: Fields, name: str) -> tuple[Content, str]:
    """The response of a setting; clearing its words means none, and leaves the response to others that say it."""
    texts = Prefixed(fields, name)
    response = texts["response"].strip()
    known = content.responses.get(response)
    cleared = response and response == texts["words_of"] and not texts["words"].strip()
    if cleared and known and known[0].text:
        return content, ""
    return with_words(content, texts, otherwise=name)


def handover(content: Content, fields: Fields) -> Content:
    """How a person is called in. Raises Invalid."""
    misses = fields.number("after_misses", "The number of misses", low=0, high=20)
    content, queued = _said(content, fields, "queued")
    content, closed = _said(content, fields, "closed")
    settings = HandoverSettings(
        enabled=bool(fields["enabled"]),
        intents=list(dict.fromkeys(each.strip() for each in fields.all("intent") if each.strip())),
        words=lines(fields["words"]),
        after_misses=int(misses or 0),
        hours=_hours(fields) if fields["has_hours"] else None,
        queued=queued,
        closed=closed,
    )
    return with_settings(content, replace(content.settings, handover=settings))


def _hours(fields: Fields) -> Hours:
    zone = fields.needed("timezone", "The time zone")
    if not is_timezone(zone):
        raise Invalid(
            f"{zone} is no time zone; they are called such as Europe/Berlin.", details={"field": "timezone"}
        )
    days = {str(day): spans for day in range(7) if (spans := _spans(fields[f"day-{day}"], day))}
    return Hours(timezone=zone, days=days)


def _spans(text: str, day: int) -> list[tuple[str, str]]:
    found = []
    for part in filter(str.strip, text.split(",")):
        match = _SPAN.fullmatch(part)
        if match is None or not all(_is_time(moment) for moment in match.groups()):
            said = f"{part.strip()} is not from when until when: write 09:00-17:00."
            raise Invalid(said, details={"field": f"day-{day}"})
        found.append((match[1].zfill(5), match[2].zfill(5)))
    return found


def _is_time(text: str) -> bool:
    hour, minute = (int(each) for each in text.split(":"))
    return (hour < 24 and minute < 60) or (hour, minute) == (24, 0)


def span_text(hours: Hours | None, day: int) -> str:
    """The spans of a day as the form shows them."""
    return ", ".join(f"{opens}-{closes}" for opens, closes in (hours.days.get(str(day), []) if hours else []))


def model(content: Content, fields: Fields) -> Content:
    """The language model, apart from its key. Raises Invalid."""
    provider, url = fields["provider"], fields["url"].strip()
    if provider not in PROVIDERS:
        raise Invalid("Choose where the language model is.", details={"field": "provider"})
    if url and not url.startswith(("http://", "https://")):
        raise Invalid("The address begins with http:// or https://.", details={"field": "url"})
    before = content.settings.model
    temperature = fields.number("temperature", "The temperature", low=0, high=2)
    tokens = fields.number("max_tokens", "The length", low=1, high=8192)
    seconds = fields.number("timeout_s", "The time", low=1, high=120)
    settings = ModelSettings(
        provider=provider,  # type: ignore[arg-type]  # checked above
        url=url,
        model=fields["model"].strip() if not provider else fields.needed("model", "The name of the model"),
        prompt=prose(fields["prompt"]),
        temperature=before.temperature if temperature is None else temperature,
        max_tokens=before.max_tokens if tokens is None else int(tokens),
        timeout_s=before.timeout_s if seconds is None else seconds,
        commands=bool(fields["commands"]),
    )
    return with_settings(content, replace(content.settings, model=settings))


def guard(content: Content, fields: Fields) -> Content:
    """What may not be said. Raises Invalid."""
    longest = fields.number("max_length", "The length", low=1, high=8000)
    content, refusal = _said(content, fields, "refusal")
    before = content.settings.guard
    settings = Guard(
        blocked_words=lines(fields["blocked_words"]),
        refusal=refusal,
        max_length=before.max_length if longest is None else int(longest),
        hide_numbers=bool(fields["hide_numbers"]),
    )
    return with_settings(content, replace(content.settings, guard=settings))


@cache
def zones() -> list[str]:
    """Names of time zones that people choose from."""
    return sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
