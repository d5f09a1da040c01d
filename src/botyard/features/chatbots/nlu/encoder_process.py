"""An encoder in a process of its own: its weights load while the one that trains imports what it needs.

What is said over the pipes is a length and MessagePack. It ends with the process that started it.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from msgspec import Struct

from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.encoders import EmbeddingCache, Encoder, cache_key
from botyard.features.chatbots.nlu.errors import EncoderDamaged, TrainingDied
from botyard.kit import frames

if TYPE_CHECKING:
    from botyard.features.chatbots.nlu.encoders import Vectors

_MODULE = "botyard.features.chatbots.nlu.encoder_process"
_AHEAD = 512  # texts that are encoded before anybody asks: as many as a training asks for at a time


class Encoded(Struct, kw_only=True, omit_defaults=True):
    """Vectors as float32, one after the other, or why there are none."""

    vectors: bytes = b""
    problem: str = ""


_texts = msgspec.msgpack.Decoder(list[str])
_encoded = msgspec.msgpack.Decoder(Encoded)


class EncoderProcess:
    """An encoder like the one it was made of, which works elsewhere. One thread uses it."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint
        command = [sys.executable, "-P", "-m", _MODULE, encoder.name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - this program
        self._ahead: list[str] = []

    def ahead(self, texts: Sequence[str], cache: EmbeddingCache) -> None:
        """Let it begin with the first texts that the cache does not know; `arrived` puts them there."""
        new = {cache_key(self, text): text for text in texts}
        self._ahead = [text for key, text in new.items() if key not in cache][:_AHEAD]
        if self._ahead:
            self._ask(self._ahead)

    def arrived(self, cache: EmbeddingCache) -> None:
        """Wait for what was begun. Raises EncoderDamaged."""
        texts, self._ahead = self._ahead, []
        if texts:
            vectors = self._answer(len(texts))
            cache.update(zip([cache_key(self, text) for text in texts], vectors, strict=True))

    def encode(self, texts: Sequence[str], /) -> "Vectors":
        """One row for each text. Raises EncoderDamaged."""
        self._ask(texts)
        return self._answer(len(texts))

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.kill()

    def _ask(self, texts: Sequence[str]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frames.frame(msgspec.msgpack.encode(list(texts))))
            self._process.stdin.flush()
        except (OSError, ValueError):  # it was ended, or closed
            raise TrainingDied from None

    def _answer(self, count: int) -> "Vectors":
        import numpy as np

        assert self._process.stdout is not None
        try:
            encoded = _encoded.decode(frames.read(self._process.stdout))
        except EOFError:
            raise TrainingDied from None
        if encoded.problem:
            raise EncoderDamaged(encoded.problem)
        return np.frombuffer(encoded.vectors, np.float32).reshape(count, self.dim)


def serve(encoder: Any, asked: BinaryIO, output: BinaryIO) -> None:
    """Load the weights, then answer until the other side closes."""
    problem = ""
    try:
        encoder.encode(["."])
    except EncoderDamaged as error:
        problem = str(error)
    while True:
        try:
            texts = _texts.decode(frames.read(asked))
        except EOFError:
            return
        told = Encoded(problem=problem) if problem else Encoded(vectors=encoder.encode(texts).tobytes())
        output.write(frames.frame(msgspec.msgpack.encode(told)))
        output.flush()


def main(arguments: list[str]) -> None:
    """Argument: the name of the encoder."""
    serve(encoders.load(arguments[0]), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1:])
