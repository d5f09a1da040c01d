"""What can be chosen for a channel. Everything has a default; unknown names are passed over."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from botyard.kit.errors import Invalid

T = TypeVar("T")
_Line = Annotated[str, Meta(max_length=120)]
_Color = Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?$")]


class WidgetSettings(Struct, kw_only=True, omit_defaults=True):
    """How the widget looks and what it offers; a page may choose otherwise by attributes of its script tag."""

    title: _Line = ""  # empty: the channel's name
    color: _Color = ""  # empty: the widget's own blue
    theme: Literal["auto", "light", "dark"] = "auto"
    side: Literal["right", "left"] = "right"
    person: bool = True  # offers a way to ask for a person
    # What is sent for it, as if it were typed: one of the words that call a person must be in it.
    person_words: _Line = "I would like to talk to a human"
    rating: bool = True  # asks at the end how it was
    voice: bool = False  # lets visitors speak and listen, where the server can


class TelegramSettings(Struct, kw_only=True, omit_defaults=True):
    """How updates come: asked for by this server, or called in by Telegram, which needs an address it can reach."""

    mode: Literal["polling", "webhook"] = "polling"
    username: str = ""  # as Telegram told it
    language: Annotated[str, Meta(max_length=16)] = ""  # of voice notes; empty: the one of the person's app


def widget(raw: Any) -> WidgetSettings:
    """The settings of a widget. Raises Invalid, saying where they do not fit."""
    return _read(raw, WidgetSettings)


def telegram(raw: Any) -> TelegramSettings:
    """The settings of a Telegram channel. Raises Invalid, saying where they do not fit."""
    return _read(raw, TelegramSettings)


def written(kind: str, raw: Any) -> dict[str, Any]:
    """Settings as they are stored; what equals its default is left out. Raises Invalid."""
    found = widget(raw) if kind == "widget" else telegram(raw)
    stored: dict[str, Any] = msgspec.to_builtins(found)
    return stored


def _read(raw: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"The settings of the channel cannot be read: {error}.") from None
