"""Values of files from outside, taken for what they should be and for nothing where they are not."""

from typing import Any


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is an object with keys, else an empty one."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []
