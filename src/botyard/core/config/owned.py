"""Botyard's own settings that may change at run time: fields of `Settings` that carry the mark `live`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import annotated_types
import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from botyard.core.config.errors import SettingRefused
from botyard.core.config.types import Owned
from botyard.kit.db import Session
from botyard.settings import Settings

SERVICE = "botyard"  # the service whose settings are these
_KINDS = {bool: "switch", int: "number", Decimal: "amount"}


class StartValues(dict[str, Any]):
    """What the environment, a start command or the default gave: in force where nothing is stored.

    A part of the process whose `Settings` follow the store; without one, `Settings` are still as they began.
    """

    @classmethod
    def of(cls, settings: Settings) -> "StartValues":
        """The present values of every setting that may change."""
        return cls({name: getattr(settings, name) for name in OWNED})


def start_values(session: Session) -> Mapping[str, Any]:
    """What holds in this process where nothing is stored."""
    return session.find_part(StartValues) or StartValues.of(session.part(Settings))


def check(name: str, value: Any) -> Any:
    """The typed value of an owned setting. Raises SettingRefused, also for a name that is none.

    `value` is what JSON holds: the text "5" is no number, but an amount may be a text, which loses no digit.
    """
    owned = OWNED.get(name)
    if owned is None:
        raise SettingRefused(
            name, f"is none that {SERVICE} lets you change at run time. Those are: {', '.join(OWNED)}."
        )
    try:
        return _ADAPTERS[name].validate_json(msgspec.json.encode(value), strict=True)
    except (ValidationError, TypeError, OverflowError, UnicodeEncodeError):
        raise SettingRefused(name, owned.rule) from None


def plain(value: Any) -> Any:
    """The value as JSON holds it, written in one way only: amounts are texts without idle zeros."""
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _owned(name: str, field: FieldInfo, effective: Any) -> Owned:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    limits = {type(limit): limit for limit in field.metadata}
    low, high = limits.get(annotated_types.Ge), limits.get(annotated_types.Le)
    return Owned(
        name=name,
        description=field.description or "",
        effective=effective,
        kind="choice" if choices else _KINDS[field.annotation],  # type: ignore[index, arg-type]
        low=low.ge if low else None,
        high=high.le if high else None,
        choices=tuple(choices),
    )


def _marked(field: FieldInfo) -> Any:
    extra = field.json_schema_extra
    return extra.get("live") if isinstance(extra, dict) else None


OWNED: dict[str, Owned] = {
    name: _owned(name, field, _marked(field))
    for name, field in Settings.model_fields.items()
    if _marked(field)
}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(Settings.model_fields[name].rebuild_annotation()) for name in OWNED
}
