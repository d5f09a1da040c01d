"""YAML from outside: no tags that make objects, bounded depth and aliases, and `no` is a word as in YAML 1.2."""

import re
from typing import Any

import yaml
from yaml import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, NodeEvent, ScalarEvent

from botyard.kit.errors import Invalid

MAX_DEPTH = 60
MAX_NODES = 3_000_000  # with everything that aliases repeat
MAX_ALIASES = 200
_FIRST: dict[str, list[str]] = {
    "null": ["~", "n", "N", ""],
    "bool": list("tTfF"),
    "int": list("-+0123456789"),
    "float": list("-+0123456789."),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain values only, told apart as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def whole(self, node: yaml.ScalarNode) -> int:
        return int(self.construct_scalar(node))


_PATTERNS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]{1,18}",
    "float": r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
}
_NOT_TEXT = re.compile("|".join(_PATTERNS.values()))
for _name, _pattern in _PATTERNS.items():
    _tag = f"tag:yaml.org,2002:{_name}"
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _FIRST[_name])
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.whole)


class Block(str):
    """Text that is written over several lines."""

    __slots__ = ()


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes strings that other readers would take for something else in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if _NOT_TEXT.fullmatch(text) else None
    ),
)
_Dumper.add_representer(
    Block,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|"),
)


def load(text: str, what: str) -> Any:
    """The one document of this text. Raises Invalid, naming `what`, with the line where there is one."""
    try:
        _check(yaml.parse(text, Loader=_Loader), what)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or "it does not end where it should"
        raise Invalid(f"{what} is no YAML that can be read{where}: {said}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"{what} is no YAML that can be read: {str(error)[:120]}.") from None


def dump(value: Any) -> bytes:
    """The value as YAML, in the order given."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110, default_flow_style=False
    )
    return text.encode()


def _check(events: Any, what: str) -> None:
    """Look at the file before anything is built of it: a few lines of aliases can mean gigabytes."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    total = aliases = 0
    for event in events:
        total += _size(event, sizes, what)
        aliases += isinstance(event, AliasEvent)
        if aliases > MAX_ALIASES or total > MAX_NODES:
            raise Invalid(f"{what} repeats itself by aliases more than any project does; write it out.")
        if isinstance(event, CollectionStartEvent):
            open_.append((event.anchor, total))
            if len(open_) > MAX_DEPTH:
                raise Invalid(f"{what} is nested deeper than {MAX_DEPTH} levels.")
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = total - before + 1


def _size(event: Event, sizes: dict[str, int], what: str) -> int:
    if isinstance(event, AliasEvent):
        if event.anchor not in sizes:
            raise Invalid(f"{what} holds an alias of something that is not complete or not there.")
        return sizes[event.anchor]
    if isinstance(event, ScalarEvent) and event.anchor:
        sizes[event.anchor] = 1
    return int(isinstance(event, NodeEvent))
