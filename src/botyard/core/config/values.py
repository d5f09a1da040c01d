"""What a name and a value of a setting may be, and what of a value is a secret."""

import json
from collections.abc import Mapping
from typing import Any

from botyard.core.config import owned
from botyard.core.config.errors import SettingRefused
from botyard.core.config.types import Reference, Secret
from botyard.kit.errors import Invalid

MAX_SERVICE, MAX_KEY = 100, 200
MAX_VALUE = 64 * 1024  # bytes of one value as JSON
MAX_CHANGES = 200  # keys of one call
MAX_KEYS = 1000  # keys of one service
MARK = "$secret"
_MAX_DEPTH = 50
_MAX_INT = 2**63
_NAMED = "characters, without line breaks and other invisible ones, and no space at either end."

Wanted = Any  # a JSON value, a Secret, a Reference, or None to remove the key


def is_service(service: str) -> bool:
    """Whether a service could have that name."""
    return _is_name(service, MAX_SERVICE)


def check_service(service: str) -> None:
    """Raise Invalid for what is no name of a service, or would be taken for Botyard itself."""
    if not is_service(service):
        raise Invalid(f"The name of a service has 1 to {MAX_SERVICE} {_NAMED}", details={"field": "service"})
    if service != owned.SERVICE and service.casefold() == owned.SERVICE:
        raise Invalid(
            f"The server's own settings belong to {owned.SERVICE}, in small letters; give a service of yours "
            "another name.",
            details={"field": "service"},
        )


def check_changes(service: str, changes: Mapping[str, Any]) -> dict[str, Wanted]:
    """What is wanted of each key. Raises Invalid, and SettingRefused for the first key that is not fine."""
    if len(changes) > MAX_CHANGES:
        raise Invalid(f"One call changes at most {MAX_CHANGES} settings; send the rest in another one.")
    return {key: check_change(service, key, value) for key, value in changes.items()}


def check_change(service: str, key: str, value: Any) -> Wanted:
    """What is wanted of a key. Raises SettingRefused."""
    if service == owned.SERVICE:
        typed = owned.check(key, value) if value is not None or key not in owned.OWNED else None
        return owned.plain(typed)
    if not isinstance(key, str) or not _is_name(key, MAX_KEY):
        raise Invalid(f"The name of a setting has 1 to {MAX_KEY} {_NAMED}", details={"field": "key"})
    if isinstance(value, dict) and MARK in value:
        return _secret(key, value)
    _check_json(key, value)
    return value


def reference(version: int) -> dict[str, Any]:
    """How a secret shows itself where values are read."""
    return {MARK: {"version": version}}


def version_of(value: Any) -> int | None:
    """The version that a stored reference names; None for any other value."""
    inner = value.get(MARK) if isinstance(value, dict) and len(value) == 1 else None
    version = inner.get("version") if isinstance(inner, dict) else None
    return version if isinstance(version, int) else None


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; in Python 1, 1.0 and True would be equal."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    """The one way to write a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _is_name(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isprintable() and text == text.strip()


def _secret(key: str, value: dict[str, Any]) -> Secret | Reference:
    inner = value[MARK]
    version = version_of(value)
    if version is not None:
        return Reference(version)
    if len(value) != 1 or not isinstance(inner, str) or not inner:
        raise SettingRefused(key, f'is no secret like {{"{MARK}": "text"}}.')
    _check_json(key, inner)
    return Secret(inner)


def _check_json(key: str, value: Any) -> None:
    try:
        size = len(canonical(value).encode())
    except (TypeError, ValueError, RecursionError):
        raise SettingRefused(key, "is no JSON value that can be stored.") from None
    if size > MAX_VALUE:
        raise SettingRefused(key, f"is larger than {MAX_VALUE // 1024} KiB.")
    _walk(key, value, _MAX_DEPTH)


def _walk(key: str, value: Any, levels: int) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise SettingRefused(key, "holds the NUL character, which cannot be stored.")
    if isinstance(value, int) and not -_MAX_INT <= value < _MAX_INT:
        raise SettingRefused(key, "holds a whole number of more than 64 bits; send it as a text.")
    if isinstance(value, dict) and MARK in value:
        raise SettingRefused(key, f"holds {MARK} inside a value: make the secret a setting of its own.")
    if levels == 0:
        raise SettingRefused(key, f"is nested more than {_MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, item in value.items():
            _walk(key, name, levels - 1)
            _walk(key, item, levels - 1)
    elif isinstance(value, list):
        for item in value:
            _walk(key, item, levels - 1)
