"""An encoder small enough to be foreseen."""

from typing import Any

from botyard.features.chatbots.knowledge.encoding import Encoder
from botyard.features.chatbots.knowledge.terms import terms

SAME = {
    "refund": "money",
    "paid": "money",
    "euro": "money",
    "pric": "money",
    "cost": "money",
    "box": "parcel",
}


class Letters:
    """Texts are alike that share terms, some of which it takes for the same."""

    fingerprint = "letters-1"
    dim = 64

    def encode(self, texts: list[str], /) -> Any:
        import numpy as np

        matrix = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                matrix[row, sum(SAME.get(term, term).encode()) % self.dim] += 1
        return matrix


class OneEncoder:
    """A process that has this encoder."""

    def __init__(self, encoder: Encoder | None) -> None:
        self.encoder = encoder

    async def get(self) -> Encoder | None:
        return self.encoder
