"""A dataset frozen as bytes: JSON lines in one fixed order, compressed without a date.

The first line is the head, each further one an example. Order and spelling depend on the content alone, so the same
content has the same digest, whoever typed it in whatever order.
"""

import gzip
import io
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from botyard.features.chatbots.examples import MAX_EXAMPLES, NewExample
from botyard.kit.errors import Invalid

FORMAT = "botyard-snapshot/1"
MAX_BYTES = 1024 * 1024 * 1024  # unpacked: 100,000 of the longest examples


class Snapshot(Struct, kw_only=True):
    """What training needs of a dataset. `extras` may hold `entities` as `content.Entity` writes them."""

    language: str = "en"
    responses: dict[str, str] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    examples: list[NewExample] = field(default_factory=list)


class _Head(Struct, kw_only=True):
    format: str
    language: str
    responses: dict[str, str]
    extras: dict[str, Any]


_encoder = msgspec.json.Encoder(order="sorted")


def line(example: NewExample) -> bytes:
    """An example as it stands in a snapshot, so that a hundred thousand can be made some at a time."""
    return _encoder.encode(_ordered(example))


def write(snapshot: Snapshot, lines: Iterable[bytes] = ()) -> bytes:
    """The snapshot as bytes, always the same for the same content; `lines` are examples as well, made by `line`."""
    head = _Head(
        format=FORMAT, language=snapshot.language, responses=snapshot.responses, extras=snapshot.extras
    )
    every = sorted([*map(line, snapshot.examples), *lines])
    text = b"\n".join([_encoder.encode(head), *every, b""])
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=6) as file:
        file.write(text)
    return packed.getvalue()


def read(data: bytes) -> Snapshot:
    """The snapshot of these bytes. Raises Invalid where they are none."""
    try:
        head, *lines = _unpacked(data).rstrip(b"\n").split(b"\n")
        known = msgspec.json.decode(head, type=_Head)
        decoder = msgspec.json.Decoder(NewExample)
        examples = [decoder.decode(line) for line in lines]
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError, ValueError, RecursionError):
        raise Invalid("This is no snapshot of a dataset; make a new one.") from None
    if known.format != FORMAT:
        raise Invalid(f"This snapshot is of another version ({known.format[:40]}); make a new one.")
    return Snapshot(
        language=known.language, responses=known.responses, extras=known.extras, examples=examples
    )


def _unpacked(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES or text.count(b"\n") > MAX_EXAMPLES + 1:
        raise Invalid("This snapshot is larger than any dataset.")
    return text


def _ordered(example: NewExample) -> NewExample:
    if len(example.entities) < 2:
        return example
    marks = sorted(example.entities, key=lambda mark: (mark["start"], mark["end"], mark["entity"]))
    return msgspec.structs.replace(example, entities=marks)
