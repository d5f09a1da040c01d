"""An encoder elsewhere gives what it would give here, begins before it is asked, and says what is wrong with it."""

import io
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pytest

from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.encoder_process import Encoded, EncoderProcess, serve
from botyard.features.chatbots.nlu.encoders import Encoder, cache_key
from botyard.features.chatbots.nlu.errors import EncoderDamaged, TrainingDied
from botyard.kit import frames


@pytest.fixture
def here() -> Encoder:
    found = encoders.load()
    if found is None:
        pytest.skip("no encoder is installed")
    return found


@pytest.fixture
def elsewhere(here: Encoder) -> Iterator[EncoderProcess]:
    made = EncoderProcess(here)
    yield made
    made.close()


class Damaged:
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        raise EncoderDamaged("weights.npz is not the file that was checked.")


def test_vectors_are_those_of_the_encoder_and_what_was_begun_is_kept(
    here: Encoder, elsewhere: EncoderProcess
) -> None:
    known = here.encode(["good morning"])[0]
    cache = {cache_key(here, "good morning"): known}
    elsewhere.ahead(["where is my order", "good morning", "Where is my order "], cache)
    elsewhere.arrived(cache)
    assert set(cache) == {cache_key(here, "where is my order"), cache_key(here, "good morning")}
    assert np.allclose(elsewhere.encode(["good morning"])[0], known, atol=1e-6)
    assert elsewhere.encode([]).shape == (0, here.dim)


def test_an_encoder_that_was_ended_is_an_error_in_words(elsewhere: EncoderProcess) -> None:
    elsewhere.close()
    with pytest.raises(TrainingDied):
        elsewhere.encode(["hello"])


def test_damaged_weights_are_said_to_whoever_asks() -> None:
    asked, output = io.BytesIO(frames.frame(msgspec.msgpack.encode(["hello"]))), io.BytesIO()
    serve(Damaged(), asked, output)
    output.seek(0)
    told = msgspec.msgpack.decode(frames.read(output), type=Encoded)
    assert told.problem == "weights.npz is not the file that was checked."
