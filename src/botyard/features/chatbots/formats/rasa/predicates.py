"""Conditions as Rasa's flows write them (`slots.amount > 100 and not slots.paid`), to and from ours."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from botyard.features.chatbots.content import Condition, Operator

MAX_LENGTH = 2000
_MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    |(?P<sign>==|!=|<=|>=|[=<>(){},])
    |(?P<word>[A-Za-z_][\w.\-]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SLOT = re.compile(r"[A-Za-z_][\w\-]*")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_REFUSED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "is": "is not", "is not": "is"}


class Unsayable(Exception):
    """A condition that the other side has no words for; the text says which part."""


class _Token(NamedTuple):
    kind: str  # text, number, sign, word, end
    text: str


class _Slot(NamedTuple):
    name: str


class _Values(NamedTuple):
    values: tuple[Any, ...]


class _Test(NamedTuple):
    slot: str
    operator: str  # true, is, is not, <, <=, >, >=, contains, one of
    value: Any = None


class _Not(NamedTuple):
    inner: Any


class _Group(NamedTuple):
    all: bool
    parts: tuple[Any, ...]


def read(text: str, types: Mapping[str, str], *, negated: bool = False) -> Condition:
    """Our condition for Rasa's, or for its opposite. `types` are the slots' types, as ours. Raises Unsayable."""
    if len(text) > MAX_LENGTH:
        raise Unsayable("it is too long")
    parser = _Parser(_tokens(text))
    tree = parser.either(0)
    if parser.here.kind != "end":
        raise Unsayable(f"{parser.here.text!r} is not understood there")
    return _condition(tree, types, negated)


def write(condition: Condition) -> str:
    """Rasa's text for our condition. Raises Unsayable."""
    if condition.all or condition.any:
        word = " and " if condition.all else " or "
        return word.join(_bracketed(part) for part in condition.all or condition.any)
    if not _SLOT.fullmatch(condition.slot):
        raise Unsayable("the name of its slot cannot be written there")
    slot = f"slots.{condition.slot}"
    if condition.test in ("is_set", "not_set"):
        return f"{slot} is {'not ' if condition.test == 'is_set' else ''}null"
    if condition.test == "one_of":
        if not isinstance(condition.value, list) or not condition.value:
            raise Unsayable("it asks for one of no list")
        return f"{{{', '.join(_literal(each) for each in condition.value)}}} contains {slot}"
    sign = {"equals": "is", "not_equals": "is not", "greater": ">", "less": "<", "contains": "contains"}
    return f"{slot} {sign[condition.test]} {_literal(condition.value)}"


def _bracketed(condition: Condition) -> str:
    text = write(condition)
    return f"({text})" if condition.all or condition.any else text


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and "e" not in repr(value):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    raise Unsayable("it compares with something that is neither text nor number")


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unsayable(f"{text[at : at + 10]!r} is not understood there")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind]))
        at = match.end()
    return [*found, _Token("end", "")]


class _Parser:
    """From loose to tight: or, and, not, a comparison."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._at]

    def either(self, depth: int) -> Any:
        return self._joined("or", lambda: self._joined("and", lambda: self._single(depth)))

    def _joined(self, word: str, part: Any) -> Any:
        parts = [part()]
        while self._took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else _Group(word == "and", tuple(parts))

    def _single(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise Unsayable("it is nested too deep")
        if self._took("not"):
            return _Not(self._single(depth + 1))
        if self._took("("):
            inner = self.either(depth + 1)
            self._need(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Any:
        left = self._operand()
        operator = self._operator()
        if not operator:
            if isinstance(left, _Slot):
                return _Test(left.name, "true")
            raise Unsayable("it asks no slot")
        return _test(left, operator, self._operand())

    def _operator(self) -> str:
        if self._took("is"):
            return "is not" if self._took("not") else "is"
        for sign in ("<", "<=", ">", ">=", "contains"):
            if self._took(sign):
                return sign
        if self._took("=") or self._took("=="):
            return "is"
        if self._took("matches"):
            raise Unsayable("it matches a pattern")
        return "is not" if self._took("!=") else ""

    def _operand(self) -> Any:
        if self._took("{"):
            values = []
            while not self._took("}"):
                values.append(self._operand())
                self._took(",")
            return _Values(tuple(values))
        token = self.here
        self._at += 1
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "text":
            return _unquoted(token.text)
        if token.kind == "word":
            return _word(token.text)
        raise Unsayable(f"{token.text!r} is not understood there" if token.text else "it ends too early")

    def _took(self, text: str) -> bool:
        found = self.here.kind in ("sign", "word") and self.here.text.lower() == text
        self._at += found
        return found

    def _need(self, text: str) -> None:
        if not self._took(text):
            raise Unsayable(f"a {text!r} is missing")


def _unquoted(text: str) -> str:
    if text[0] == '"':
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            pass  # no escapes as JSON has them: then they are meant as they stand
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _word(word: str) -> Any:
    if word.startswith("slots."):
        return _Slot(word.removeprefix("slots."))
    if word.startswith("context."):
        raise Unsayable("it asks the context of the conversation")
    known = {"true": True, "false": False, "null": None, "none": None, "undefined": None, "empty": None}
    return known.get(word.lower(), word)


def _test(left: Any, operator: str, right: Any) -> _Test:
    if operator == "contains" and isinstance(left, _Values) and isinstance(right, _Slot):
        return _Test(right.name, "one of", list(left.values))
    if isinstance(right, _Slot) and not isinstance(left, _Slot) and operator != "contains":
        left, operator, right = right, _FLIPPED.get(operator, operator), left
    if not isinstance(left, _Slot):
        raise Unsayable("it asks no slot")
    if isinstance(right, _Slot | _Values):
        raise Unsayable("it compares a slot with another one")
    return _Test(left.name, operator, right)


def _condition(tree: Any, types: Mapping[str, str], negated: bool) -> Condition:
    if isinstance(tree, _Not):
        return _condition(tree.inner, types, not negated)
    if isinstance(tree, _Group):
        parts = [_condition(part, types, negated) for part in tree.parts]
        return Condition(all=parts) if tree.all is not negated else Condition(any=parts)
    return _single(tree, types, negated)


def _single(test: _Test, types: Mapping[str, str], negated: bool) -> Condition:
    slot, operator, value = test
    if operator == "true":
        return _truth(slot, types.get(slot, ""), negated)
    if operator == "contains":
        if negated:
            raise Unsayable("it asks that something is not contained")
        return Condition(slot=slot, test="contains", value=value)
    if operator == "one of":
        if negated:
            return Condition(all=[Condition(slot=slot, test="not_equals", value=each) for each in value])
        return Condition(slot=slot, test="one_of", value=value)
    if negated:
        operator = _REFUSED[operator]
    if operator in ("is", "is not"):
        same = operator == "is"
        if value is None:
            return Condition(slot=slot, test="not_set" if same else "is_set")
        return Condition(slot=slot, test="equals" if same else "not_equals", value=value)
    return _ordered(slot, operator, value)


def _ordered(slot: str, operator: str, value: Any) -> Condition:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unsayable("it orders something that is no number")
    strict: Operator = "less" if operator[0] == "<" else "greater"
    ordered = Condition(slot=slot, test=strict, value=value)
    if len(operator) == 1:
        return ordered
    return Condition(any=[ordered, Condition(slot=slot, test="equals", value=value)])


def _truth(slot: str, kind: str, negated: bool) -> Condition:
    """A slot alone: whether it is filled, and with anything but a no."""
    if not negated:
        if kind == "bool":
            return Condition(slot=slot, test="equals", value=True)
        return Condition(slot=slot, test="is_set")
    if kind == "bool":
        empty = Condition(slot=slot, test="not_set")
        return Condition(any=[empty, Condition(slot=slot, test="equals", value=False)])
    return Condition(slot=slot, test="not_set")
