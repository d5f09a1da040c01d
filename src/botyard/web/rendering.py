"""Templates and the words they share: amounts, sizes, moments."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from botyard import __version__
from botyard.kit import clock
from botyard.kit.amounts import amount, counted
from botyard.web import words
from botyard.web.assets import asset, icon
from botyard.web.drawing import area, spark
from botyard.web.navigation import NAV

_UNITS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 30, 86_400, "d"))


def size(value: float) -> str:
    """Bytes in the unit that leaves one to three digits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f}\u00a0{unit}" if unit == "B" else f"{value:.1f}\u00a0{unit}"
        value /= 1024
    return f"{value:.1f}\u00a0TiB"


def span(at: datetime) -> str:
    """How long ago, or in how long, in one rounded unit; the date once it is a month away."""
    seconds = (clock.now() - at).total_seconds()
    if abs(seconds) < 3:
        return "in a moment" if seconds < 0 else "just now"
    for limit, unit_s, unit in _UNITS:
        if abs(seconds) < limit:
            text = f"{int(abs(seconds) // unit_s)}\u00a0{unit}"
            return f"in {text}" if seconds < 0 else f"{text} ago"
    return at.strftime("%-d %b %Y")


def when(at: datetime | None, *, never: str = "never") -> Markup:
    """A moment that the browser keeps up to date and can show in full in the reader's own zone."""
    if at is None:
        return Markup('<span class="muted">{}</span>').format(never)
    kind = (
        "due" if at > clock.now() else "ago"
    )  # the reader's clock may be slow, so it cannot tell the two apart
    return Markup('<time datetime="{}" data-as="{}">{}</time>').format(clock.rfc3339(at), kind, span(at))


def at_clock(at: datetime) -> Markup:
    """The time of day of a moment; the browser turns it into the reader's own zone."""
    stamp = clock.rfc3339(at)
    return Markup('<time datetime="{}" data-as="clock">{}</time>').format(stamp, at.strftime("%H:%M:%S"))


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after each underscore, as long intents do."""
    return Markup("_<wbr>").join(name.split("_"))


def pretty(value: Any) -> str:
    """A JSON value as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def environment() -> Environment:
    """The templates, which escape what they are given and fail on what they were not."""
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=False,
    )
    env.filters |= {
        "amount": amount,
        "counted": counted,
        "size": size,
        "pretty": pretty,
        "breakable": breakable,
        "moment": clock.from_us,
        "usd": words.usd,
    }
    env.globals |= {
        "icon": icon,
        "asset": asset,
        "spark": spark,
        "area": area,
        "when": when,
        "at_clock": at_clock,
        "nav": NAV,
        "version": __version__,
        "x_calls": words.X_CALL,
    }
    return env


TEMPLATES = environment()


def render(template: str, /, **context: Any) -> str:
    """One template as text."""
    return TEMPLATES.get_template(template).render(context)
