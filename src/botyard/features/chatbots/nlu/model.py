"""A trained model, ready to answer. Needs numpy; of one encoder, if it was trained with one, its package too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from botyard.features.chatbots.content import OperatingPoint
from botyard.features.chatbots.nlu import artifact, dates
from botyard.features.chatbots.nlu.artifact import Manifest, Parts
from botyard.features.chatbots.nlu.encoders import Encoder
from botyard.features.chatbots.nlu.entities import Finder
from botyard.features.chatbots.nlu.errors import EncoderDiffers
from botyard.features.chatbots.nlu.linear import Doubles
from botyard.features.chatbots.nlu.text import MAX_TEXT, sound
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE, Found, Ranked, Understanding

_RANKED = 10
_TERM, _WRITING = (
    130,
    450,
)  # bytes that a term and one way to write a value take, measured on those of usual length


class Model:
    """What was learned. Any thread may ask it."""

    def __init__(self, parts: Parts, encoder: Encoder | None) -> None:
        self._parts, self._encoder = parts, encoder
        manifest = parts.manifest
        self._finder = Finder(manifest.entities, manifest.languages, parts.tagger)

    @classmethod
    def from_bytes(cls, data: bytes, encoders: Mapping[str, Encoder]) -> "Model":
        """A model as it was kept, with what it needs loaded, which takes a second or two the first time.

        Raises ModelUnreadable, and EncoderDiffers when none of the encoders made the vectors it was trained on.
        """
        parts = artifact.read(data)
        encoder = _same(parts.manifest, encoders)
        if encoder is not None:
            encoder.encode(["."])
        dates.prepare(parts.manifest.languages)
        return cls(parts, encoder)

    def to_bytes(self) -> bytes:
        """The model as a file; the same model gives the same bytes."""
        return artifact.write(self._parts)

    @property
    def manifest(self) -> Manifest:
        """What it is, apart from its weights."""
        return self._parts.manifest

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes, without its encoder."""
        linear, vocabulary, tagger = self._parts.linear, self._parts.vocabulary, self._parts.tagger
        arrays = [linear.grams, linear.bias, vocabulary.idf]
        arrays += [] if linear.vectors is None else [linear.vectors]
        arrays += [] if tagger is None else [tagger.states, tagger.steps]
        terms = len(vocabulary) + (len(tagger.features) if tagger else 0)
        values = [each.values for each in self.manifest.entities.values()]
        writings = sum(1 + len(synonyms) for each in values for synonyms in each.values())
        return sum(array.nbytes for array in arrays) + _TERM * terms + _WRITING * writings

    def understand(
        self, text: str, *, now: datetime, language: str = "", point: OperatingPoint | None = None
    ) -> Understanding:
        """Intents and entities of a message; dates are seen from `now`. `point`: another than it was trained with."""
        manifest = self.manifest
        text = sound(text)
        scores = self._scores(text)
        ranked = self._ranked(scores) if scores is not None else []
        threshold = manifest.thresholds[point or manifest.operating_point]
        strange = not ranked or ranked[0].name in OUT_OF_SCOPE or ranked[0].confidence < threshold
        near = strange and bool(ranked) and ranked[0].name not in OUT_OF_SCOPE
        plausible = near and ranked[0].confidence >= manifest.thresholds["lenient"]
        return Understanding(
            text=text, intents=ranked, out_of_scope=strange, plausible=plausible, entities=self.entities(text, now=now, language=language)
        )  # fmt: skip

    def entities(self, text: str, *, now: datetime, language: str = "") -> list[Found]:
        """The entities alone."""
        return self._finder.find(sound(text[:MAX_TEXT]), now=now, language=language)

    def _scores(self, text: str) -> Doubles | None:
        """None for a text in which nothing is known: no word of it was ever seen, and no encoder reads it."""
        columns, values = self._parts.vocabulary.row(text)
        vector: Any = self._encoder.encode([text])[0] if self._encoder and text.strip() else None
        if not len(columns) and vector is None:
            return None
        return self._parts.linear.scores(columns, values, vector)

    def _ranked(self, scores: Doubles) -> list[Ranked]:
        confidences = self.manifest.calibration.confidences(scores)
        # the best score first, whatever rounding does to equal confidences
        order = sorted(
            np.argsort(-confidences, kind="stable")[: _RANKED + 1].tolist(),
            key=lambda at: (-confidences[at], -scores[at]),
        )
        sure = [round(float(confidences[at]), 4) for at in order] + [0.0]
        names = self.manifest.intents
        return [
            Ranked(names[at], sure[place], round(sure[place] - sure[place + 1], 4))
            for place, at in enumerate(order[:_RANKED])
        ]  # fmt: skip


def _same(manifest: Manifest, encoders: Mapping[str, Encoder]) -> Encoder | None:
    if manifest.encoder is None:
        return None
    encoder = encoders.get(manifest.encoder.name)
    if encoder is None:
        message = f"This model needs the encoder {manifest.encoder.name}, which is not installed: install it, or train again."
        raise EncoderDiffers(message)
    if encoder.fingerprint != manifest.encoder.fingerprint or encoder.dim != manifest.encoder.dim:
        message = f"The encoder {encoder.name} has other weights than the one this model was trained with: train again."
        raise EncoderDiffers(message)
    return encoder
