"""What the server and the process that reads and writes files say to each other: frames of MessagePack."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats.imported import Exported, Imported, Project

PIECE = 1000  # examples of one message: whoever takes it holds up nobody


class Order(Struct, kw_only=True, omit_defaults=True):
    """What is to be done. The file follows, or, for a project to be written, its examples in pieces with an empty one last."""

    what: Literal["read", "write"]
    filename: str = ""
    format: str = ""
    project: Project | None = None  # without its examples


class Word(Struct, kw_only=True, omit_defaults=True):
    """What came of it. Behind `read` the examples follow in so many pieces; `refused` is the file's fault."""

    what: Literal["read", "written", "refused", "failed"]
    imported: Imported | None = None  # without its examples
    examples: int = 0
    intents: int = 0  # that the examples have
    pieces: int = 0
    exported: Exported | None = None
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


_orders = msgspec.msgpack.Decoder(Order)
_words = msgspec.msgpack.Decoder(Word)
_pieces = msgspec.msgpack.Decoder(list[NewExample])


def packed(message: Order | Word | Sequence[NewExample]) -> bytes:
    """The body of a message."""
    return msgspec.msgpack.encode(message)


def order(body: bytes) -> Order:
    """An order. Raises ValueError for anything else."""
    return _orders.decode(body)


def word(body: bytes) -> Word:
    """An answer. Raises ValueError for anything else."""
    return _words.decode(body)


def piece(body: bytes) -> list[NewExample]:
    """Some examples. Raises ValueError for anything else."""
    return _pieces.decode(body)


def pieces(examples: Sequence[NewExample]) -> Iterator[Sequence[NewExample]]:
    """All examples in pieces."""
    return (examples[start : start + PIECE] for start in range(0, len(examples), PIECE))
