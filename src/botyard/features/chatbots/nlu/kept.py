"""Vectors of an encoder kept in a folder: after one added example, training encodes one text."""

import hashlib
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from botyard.features.chatbots.nlu.encoders import Encoder
from botyard.features.chatbots.nlu.tfidf import Floats

if TYPE_CHECKING:
    from botyard.features.chatbots.nlu.encoders import EmbeddingCache

_MOST = 200_000  # about 200 MB; beyond that the oldest are forgotten


class KeptVectors(MutableMapping[bytes, Floats]):
    """A cache in one file for each encoder; a damaged one is as good as none. `save` writes what was used."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self._path = folder / f"{hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:32]}.npz"
        self._prefix = encoder.fingerprint.encode()
        self._vectors: EmbeddingCache = dict(_read(self._path, self._prefix, encoder.dim))
        self._grown = False

    def __getitem__(self, key: bytes) -> Floats:
        return self._vectors[key]

    def __setitem__(self, key: bytes, vector: Floats) -> None:
        self._vectors[key], self._grown = vector, True

    def __delitem__(self, key: bytes) -> None:
        del self._vectors[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    def save(self) -> None:
        """Write what was added; all of it or nothing."""
        if not self._grown:
            return
        kept = list(self._vectors.items())[-_MOST:]
        keys = np.frombuffer(b"".join(key[len(self._prefix) :] for key, _ in kept), np.uint8).reshape(-1, 16)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.savez(file, keys=keys, vectors=np.stack([vector for _, vector in kept]).astype(np.float32))
        unfinished.replace(self._path)
        self._grown = False


def _read(path: Path, prefix: bytes, dim: int) -> Iterator[tuple[bytes, Floats]]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            keys, vectors = file["keys"], file["vectors"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return
    if keys.ndim == 2 and keys.shape[1] == 16 and vectors.shape == (len(keys), dim):
        for key, vector in zip(keys, vectors, strict=True):
            yield prefix + key.tobytes(), vector
