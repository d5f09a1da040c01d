"""Messages over a pipe: each is a length of four bytes and so many bytes."""

import struct
from asyncio import IncompleteReadError, StreamReader
from typing import IO

LENGTH = struct.Struct(">I")
MAX_FRAME = 512 * 1024 * 1024  # no message comes near it; this only guards against noise in the pipe


def frame(body: bytes) -> bytes:
    """Bytes with their length before them."""
    return LENGTH.pack(len(body)) + body


def size(head: bytes) -> int:
    """Bytes of the message behind a head. Raises ValueError for what no message can be."""
    (length,) = LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ValueError("no message is that long")
    return int(length)


def read(pipe: IO[bytes]) -> bytes:
    """The next message, waited for. Raises EOFError when the other side has gone before it was whole."""
    head = pipe.read(LENGTH.size)
    length = size(head) if len(head) == LENGTH.size else 0
    body = pipe.read(length)
    if not length or len(body) < length:
        raise EOFError
    return body


async def receive(pipe: StreamReader) -> bytes:
    """The same without holding up anybody."""
    try:
        return await pipe.readexactly(size(await pipe.readexactly(LENGTH.size)))
    except IncompleteReadError:
        raise EOFError from None


def send(output: IO[bytes], body: bytes) -> None:
    """Send all of a message over an unbuffered pipe, which takes what fits."""
    for part in (LENGTH.pack(len(body)), body):
        view = memoryview(part)
        while view:
            view = view[output.write(view) or 0 :]
