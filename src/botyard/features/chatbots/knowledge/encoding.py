"""Vectors of passages: whatever encoder the NLU brings, or none. numpy is imported where vectors are made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

log = structlog.get_logger(__name__)

BATCH = 32  # passages that are encoded between two looks at the world


class Encoder(Protocol):
    """Turns texts into vectors. Those of another fingerprint cannot be compared with them."""

    @property
    def fingerprint(self) -> str: ...

    def encode(self, texts: list[str], /) -> NDArray[Any]: ...


class Encoders(Protocol):
    """Where the encoder comes from; loading one may take a second."""

    async def get(self) -> Encoder | None:
        """The encoder of this process, if there is one."""
        ...


class LoadedOnce:
    """Loads the encoder when it is first needed, once for the process; without one, words alone are compared."""

    def __init__(self, load: Callable[[], Encoder | None]) -> None:
        self._load = load
        self._lock = asyncio.Lock()
        self._loaded = False
        self._encoder: Encoder | None = None

    async def get(self) -> Encoder | None:
        """The encoder; None where none is installed, or where it cannot be loaded, which the log says once."""
        async with self._lock:
            if not self._loaded:
                self._encoder = await asyncio.to_thread(self._try)
                self._loaded = True
        return self._encoder

    def _try(self) -> Encoder | None:
        try:
            encoder = self._load()
            if encoder is not None:
                encoder.encode(["ready"])  # reads the weights, and says whether they are whole
            return encoder
        except Exception:  # whatever is wrong with weights or packages, search goes on without
            log.exception("encoder_not_loaded")
            return None


def installed() -> LoadedOnce:
    """The encoder that the NLU prefers of those that are installed; nothing is imported before it is needed."""

    def load() -> Encoder | None:
        from botyard.features.chatbots.nlu import encoders

        return encoders.load()

    return LoadedOnce(load)


async def encode(encoder: Encoder, texts: Sequence[str]) -> Matrix:
    """Vectors of length one, a row for each text; the event loop goes on meanwhile."""
    return await asyncio.to_thread(_unit, encoder, list(texts))


def pack(matrix: Matrix) -> list[bytes]:
    """Each row as it is stored: float16, little-endian."""
    return [row.tobytes() for row in matrix.astype("<f2")]


def unpack(rows: Sequence[bytes]) -> Matrix:
    """Stored rows as one matrix. All of them were made by the same encoder."""
    import numpy as np

    flat = np.frombuffer(b"".join(rows), dtype="<f2").astype(np.float32)
    return flat.reshape(len(rows), -1) if rows else flat.reshape(0, 0)


def _unit(encoder: Encoder, texts: list[str]) -> Matrix:
    import numpy as np

    matrix = np.asarray(encoder.encode(texts), dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Matrix = matrix / np.maximum(lengths, 1e-12)
    return unit
