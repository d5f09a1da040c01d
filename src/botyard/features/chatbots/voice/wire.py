"""What server and worker process say to each other: frames of a length and MessagePack."""

import struct
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct, field

from botyard.features.chatbots.voice.port import Sound, Transcript, Voice

LENGTH = struct.Struct(">I")
MAX_FRAME = 512 * 1024 * 1024  # recordings are bounded before; this only guards against a broken pipe's noise


class Ask(Struct, kw_only=True, omit_defaults=True):
    """A request to the worker. `stop` names a request by its number and gets no answer."""

    number: int
    what: Literal["voices", "say", "hear", "stop"]
    text: str = ""
    voice: str = ""
    speed: float = 1.0
    audio: bytes = b""
    kind: str = ""
    language: str = ""


class Answer(Struct, kw_only=True, omit_defaults=True):
    """What came of a request; `problem` says what went wrong, and `whose` whether the input or the engine is at fault."""

    number: int
    voices: list[Voice] = field(default_factory=list)
    sound: Sound | None = None
    transcript: Transcript | None = None
    problem: str = ""
    whose: Literal["", "input", "engine"] = ""
    trace: str = ""  # for the log


_asks = msgspec.msgpack.Decoder(Ask)
_answers = msgspec.msgpack.Decoder(Answer)


def frame(message: Ask | Answer) -> bytes:
    """A message as it goes over the pipe."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def size(head: bytes) -> int:
    """Bytes of the message behind a head. Raises ValueError for what no message can be."""
    (length,) = LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ValueError("no message is that long")
    return int(length)


def read_answer(body: bytes) -> Answer:
    """A worker's message. Raises ValueError for anything else."""
    return _answers.decode(body)


def read_ask(pipe: BinaryIO) -> Ask | None:
    """The next request, waited for; None when the server has gone."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    body = pipe.read(size(head))
    return _asks.decode(body)
