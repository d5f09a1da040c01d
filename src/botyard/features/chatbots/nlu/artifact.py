"""A trained model as a file: a zip of JSON and arrays, the same bytes for the same model.

What is read may come from anywhere: nothing in it is run, nothing is unpacked, and every size and shape is checked
before memory is taken for it.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from botyard.features.chatbots.content import Entity, OperatingPoint
from botyard.features.chatbots.nlu.errors import ModelUnreadable
from botyard.features.chatbots.nlu.linear import Calibration, Linear
from botyard.features.chatbots.nlu.tagger import Tagger
from botyard.features.chatbots.nlu.tfidf import Vocabulary
from botyard.features.chatbots.nlu.types import Recipe

FORMAT = 1
MAX_BYTES = 256 * 1024 * 1024
_MAX_ITEMS = 64
_DATE = (1980, 1, 1, 0, 0, 0)
_DTYPES = {np.dtype(np.float16), np.dtype(np.float32)}
_MANIFEST, _WORDS, _ARRAYS = "manifest.json", "vocab.json", "weights.npz"


class EncoderName(Struct, kw_only=True):
    """The encoder whose vectors the model was trained on."""

    name: str
    dim: int
    fingerprint: str


class Manifest(Struct, kw_only=True):
    """What a model is, apart from its weights."""

    format: int
    recipe: Recipe
    intents: list[str]
    languages: list[str]
    encoder: EncoderName | None
    calibration: Calibration
    thresholds: dict[str, float]
    operating_point: OperatingPoint
    entities: dict[str, Entity]
    examples: int


class Terms(Struct, kw_only=True):
    """Words and features in the order of their rows."""

    words: list[str]
    signs: list[str]
    labels: list[str]
    features: list[str]


class Parts(Struct, kw_only=True):
    """A model taken apart."""

    manifest: Manifest
    vocabulary: Vocabulary
    linear: Linear
    tagger: Tagger | None


def write(parts: Parts) -> bytes:
    """The file. Weights lose half of their digits, which changes no answer that was clear."""
    linear, tagger = parts.linear, parts.tagger
    arrays: dict[str, NDArray[Any]] = {
        "grams": linear.grams.astype(np.float16),
        "bias": linear.bias.astype(np.float32),
        "idf": parts.vocabulary.idf.astype(np.float32),
    }
    if linear.vectors is not None:
        arrays["vectors"] = linear.vectors.astype(np.float16)
    if tagger is not None:
        arrays |= {"states": tagger.states.astype(np.float16), "steps": tagger.steps.astype(np.float32)}
    terms = Terms(
        words=parts.vocabulary.words,
        signs=parts.vocabulary.signs,
        labels=tagger.labels if tagger else [],
        features=tagger.features if tagger else [],
    )
    files = {f"{name}.npy": _npy(array) for name, array in sorted(arrays.items())}
    encode = msgspec.json.encode
    return _zip(
        {
            _MANIFEST: encode(parts.manifest, order="sorted"),
            _WORDS: encode(terms),
            _ARRAYS: _zip(files),
        }
    )


def read(data: bytes) -> Parts:
    """The parts of a file. Raises ModelUnreadable for whatever is not one."""
    try:
        files = _unzip(data)
        manifest = msgspec.json.decode(files[_MANIFEST], type=Manifest)
        terms = msgspec.json.decode(files[_WORDS], type=Terms)
        arrays = {name.removesuffix(".npy"): _array(body) for name, body in _unzip(files[_ARRAYS]).items()}
        if manifest.format != FORMAT:
            raise ModelUnreadable(
                f"This server reads models of format {FORMAT}, not {manifest.format}: train again."
            )
        return _together(manifest, terms, arrays)
    except (
        KeyError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        OSError,
    ) as error:
        raise ModelUnreadable(f"This is no trained model, or it is damaged ({error}): train again.") from None


def _together(manifest: Manifest, terms: Terms, arrays: Mapping[str, NDArray[Any]]) -> Parts:
    rows, intents = len(terms.words) + len(terms.signs), len(manifest.intents)
    wanted: dict[str, tuple[int, ...]] = {"grams": (rows, intents), "bias": (intents,), "idf": (rows,)}
    if manifest.encoder is not None:
        wanted["vectors"] = (manifest.encoder.dim, intents)
    if terms.labels:
        labels = len(terms.labels)
        wanted |= {"states": (len(terms.features), labels), "steps": (labels, labels)}
    found = {name: array.shape for name, array in arrays.items()}
    if found != wanted or not intents:
        raise ModelUnreadable(f"The model holds {found} where {wanted} belongs: train again.")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ModelUnreadable("The model holds weights that are no numbers: train again.")
    points = {"strict", "balanced", "lenient"}
    if set(manifest.thresholds) != points or not manifest.calibration.temperature > 0:
        raise ModelUnreadable("The model has no usable thresholds: train again.")
    _check_labels(terms.labels)
    vectors = arrays.get("vectors")
    return Parts(
        manifest=manifest,
        vocabulary=Vocabulary(terms.words, terms.signs, arrays["idf"].astype(np.float32)),
        linear=Linear(
            arrays["grams"], None if vectors is None else vectors.astype(np.float32), arrays["bias"]
        ),
        tagger=Tagger(terms.labels, terms.features, arrays["states"].astype(np.float32), arrays["steps"])
        if terms.labels
        else None,
    )


def _check_labels(labels: list[str]) -> None:
    for label in labels:
        if label != "O" and not (label.startswith(("B\t", "I\t")) and label.count("\t") == 2):
            raise ModelUnreadable(f"The model has a label {label!r} that means nothing: train again.")


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _array(body: bytes) -> NDArray[Any]:
    """One array. Its head must tell exactly the bytes that follow, before any of them is taken."""
    stream = io.BytesIO(body)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another format")
    shape, transposed, dtype = np.lib.format.read_array_header_1_0(stream)
    size = dtype.itemsize
    for length in shape:
        size *= length
    rest = len(body) - stream.tell()
    if dtype not in _DTYPES or transposed or len(shape) > 2 or min(shape, default=0) < 0 or size != rest:
        raise ValueError("an array of a wrong kind or size")
    return np.frombuffer(body, dtype=dtype, offset=stream.tell()).reshape(shape)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), body)
    return buffer.getvalue()


def _unzip(data: bytes) -> dict[str, bytes]:
    if len(data) > MAX_BYTES:
        raise ModelUnreadable(
            f"A model has at most {MAX_BYTES // 1024**2} MiB; this has {len(data) // 1024**2}."
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        stored = all(each.compress_type == zipfile.ZIP_STORED for each in entries)
        if len(entries) > _MAX_ITEMS or not stored or sum(each.file_size for each in entries) > len(data):
            raise ValueError("its table of contents does not fit")
        return {each.filename: archive.read(each) for each in entries}
