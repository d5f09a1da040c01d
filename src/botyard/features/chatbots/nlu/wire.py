"""What the server and the process that trains say to each other: frames of MessagePack."""

from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct, field

from botyard.features.chatbots.nlu.types import Example, Options
from botyard.kit import frames

AHEAD = "ahead"  # an argument of the process: it loads everything before it is asked


class Order(Struct, kw_only=True):
    """What is to be learned; `cache` is a folder for the encoder's vectors, empty for none."""

    examples: list[Example]
    options: Options
    encoder: str = ""
    cache: str = ""


class Word(Struct, kw_only=True, omit_defaults=True):
    """What the process that trains says: how far it is, what came of it, or what is wrong and whose fault that is."""

    what: Literal["progress", "done", "refused", "missing", "failed"]
    share: float = 0.0
    note: str = ""
    stays: bool = False  # it waits for another order
    model: bytes = b""
    report: bytes = field(default=b"")  # JSON


_orders = msgspec.msgpack.Decoder(Order)
_words = msgspec.msgpack.Decoder(Word)


def packed(message: Order | Word) -> bytes:
    """The body of a message."""
    return msgspec.msgpack.encode(message)


def read_word(body: bytes) -> Word:
    """A message of the process that trains. Raises ValueError for anything else."""
    return _words.decode(body)


def read_order(pipe: BinaryIO) -> Order:
    """The next order. Raises EOFError when the server has gone before it was whole."""
    return _orders.decode(frames.read(pipe))
