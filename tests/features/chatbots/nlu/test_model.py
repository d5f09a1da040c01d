"""A model is kept as a file that says exactly what it said before, and nothing in a hostile file is believed."""

import io
import json
import pickle
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from botyard.features.chatbots.nlu.errors import EncoderDiffers, ModelUnreadable
from botyard.features.chatbots.nlu.learn import Reader
from botyard.features.chatbots.nlu.model import Model
from botyard.features.chatbots.nlu.train import Trained, train
from botyard.features.chatbots.nlu.types import Options
from tests.features.chatbots.nlu.sayings import SAID, WordEncoder, sayings

TEXTS = [
    "cancel my order",
    "Two PIZZAS, please!",
    "ünïcode ﬁ Ｗｉｄｅ 今日は",
    "a",
    "",
    "open open open",
    "😀 pizza",
]


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def with_array(data: bytes, name: str, body: bytes) -> bytes:
    files = files_of(data)
    return zipped(files | {"weights.npz": zipped(files_of(files["weights.npz"]) | {name: body})})


def with_manifest(data: bytes, **changes: object) -> bytes:
    files = files_of(data)
    return zipped(
        files | {"manifest.json": json.dumps(json.loads(files["manifest.json"]) | changes).encode()}
    )


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def huge() -> bytes:
    """A head that tells of an exabyte, and nothing behind it."""
    buffer = io.BytesIO()
    head = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)}
    np.lib.format.write_array_header_1_0(buffer, head)
    return buffer.getvalue()


class Trap:
    """Would say so if it were ever unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("something was unpickled",)


@pytest.mark.parametrize("more", [[], ["ab cd", "今日は open", "x"] * 400], ids=["few", "many"])
def test_texts_are_counted_as_scikit_learn_does(more: list[str]) -> None:
    texts = [*(text for own in SAID.values() for text in own), *TEXTS, *more]
    reader = Reader(len(texts), 4)
    reader.fit(texts)
    vocabulary = reader.vocabulary()
    theirs = reader.transform(TEXTS).toarray()
    ours = np.zeros_like(theirs)
    for at, text in enumerate(TEXTS):
        columns, values = vocabulary.row(text)
        ours[at, columns] = values
    assert len(vocabulary) == theirs.shape[1]
    assert np.abs(ours - theirs).max() < 1e-6


@pytest.mark.parametrize("fixture", ["plain", "tagged"])
def test_a_kept_model_says_the_same(fixture: str, now: datetime, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(fixture).model
    data = model.to_bytes()
    again = Model.from_bytes(data, {})
    assert again.to_bytes() == data
    for text in [*TEXTS, "fly from Berlin to Bonn tomorrow"]:
        assert again.understand(text, now=now) == model.understand(text, now=now)


def test_another_encoder_is_refused_and_training_offered(now: datetime) -> None:
    encoder = WordEncoder()
    trained = train(sayings(), Options(), encoder=encoder)
    data = trained.model.to_bytes()
    if trained.report.recipe == "tfidf":
        assert Model.from_bytes(data, {}).manifest.encoder is None
        data = with_vectors(data, encoder)
    with pytest.raises(EncoderDiffers, match="train again"):
        Model.from_bytes(data, {})
    with pytest.raises(EncoderDiffers, match="train again"):
        Model.from_bytes(data, {"words": WordEncoder(version="2")})
    assert Model.from_bytes(data, {"words": encoder}).understand("a pizza", now=now).intents


def with_vectors(data: bytes, encoder: WordEncoder) -> bytes:
    """The same model as if vectors had counted, by nothing."""
    told = {"name": encoder.name, "dim": encoder.dim, "fingerprint": encoder.fingerprint}
    return with_array(
        with_manifest(data, encoder=told), "vectors.npy", npy(np.zeros((encoder.dim, 4), np.float16))
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"not a zip at all",
        lambda data: data[: len(data) // 2],
        lambda data: pickle.dumps(Trap()),
        lambda data: with_array(data, "bias.npy", npy(np.array([Trap()], dtype=object))),
        lambda data: with_array(data, "bias.npy", pickle.dumps(Trap())),
        lambda data: with_array(data, "grams.npy", huge()),
        lambda data: with_array(data, "bias.npy", npy(np.zeros(5, np.float32))),
        lambda data: with_array(data, "bias.npy", npy(np.full(4, np.nan, np.float32))),
        lambda data: with_array(data, "extra.npy", npy(np.zeros(4, np.float32))),
        lambda data: with_manifest(data, intents=["one"]),
        lambda data: with_manifest(data, format=99),
        lambda data: with_manifest(data, thresholds={}),
        lambda data: with_manifest(data, intents=None),
        lambda data: zipped(files_of(data), zipfile.ZIP_DEFLATED),
        lambda data: zipped({"manifest.json": files_of(data)["manifest.json"]}),
    ],
)
def test_a_hostile_or_damaged_file_is_refused(plain: Trained, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ModelUnreadable, match="train again"):
        Model.from_bytes(spoil(plain.model.to_bytes()), {})


def test_no_flipped_byte_crashes_the_reader(plain: Trained) -> None:
    data, chance = plain.model.to_bytes(), random.Random(5)
    refused = 0
    for _ in range(150):
        spoiled = bytearray(data)
        for at in chance.sample(range(len(data)), 3):
            spoiled[at] ^= 1 << chance.randrange(8)
        try:
            Model.from_bytes(bytes(spoiled), {})
        except ModelUnreadable:
            refused += 1
    assert refused == 150  # every part has a checksum


@pytest.mark.parametrize("which", ["plain", "tagged"])
def test_a_model_knows_about_how_much_memory_it_takes(
    which: str, now: datetime, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(which).model.to_bytes()
    Model.from_bytes(data, {}).understand("a", now=now)  # what all models share is loaded
    tracemalloc.start()
    try:
        model = Model.from_bytes(data, {})
        model.understand("order a pizza to Paris", now=now)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 0.7 < model.size / taken < 1.4
