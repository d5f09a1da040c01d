"""What small chatbots learn from in these tests, and an encoder that needs no weights."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from botyard.features.chatbots.nlu.text import WORD, folded
from botyard.features.chatbots.nlu.types import EntityMark, Example

SAID = {
    "order_pizza": [
        "I want a pizza", "order a pizza for me", "a large pizza with cheese", "can I get two pizzas",
        "bring me a margherita pizza", "pizza please, with extra cheese", "I would like to order some pizza",
    ],
    "opening_hours": [
        "when do you open", "what are your opening hours", "are you open on sunday", "until when are you open today",
        "at what time do you close", "opening times please", "do you close at noon",
    ],
    "cancel_order": [
        "cancel my order", "I do not want it any more, cancel it", "please stop the delivery", "cancel the pizza",
        "I changed my mind, cancel that", "stop my order now", "I want to cancel what I ordered",
    ],
    "pay_by_card": [
        "can I pay by card", "do you take credit cards", "is paying with visa possible", "which cards do you accept",
        "may I pay with my debit card", "card payment possible?", "do you accept mastercard",
    ],
}  # fmt: skip


def sayings() -> list[Example]:
    """Four intents of seven examples."""
    return [Example(text=text, intent=intent) for intent, texts in SAID.items() for text in texts]


def cities() -> list[Example]:
    """Examples with marked cities, with roles."""
    found = []
    for origin, goal in [
        ("Berlin", "Paris"),
        ("Rome", "Madrid"),
        ("Oslo", "Wien"),
        ("Lyon", "Bonn"),
        ("Bern", "Graz"),
    ]:
        for start, middle in [("a flight from ", " to "), ("fly from ", " to "), ("I leave ", " for ")]:
            text = f"{start}{origin}{middle}{goal}"
            first, second = len(start), len(start) + len(origin) + len(middle)
            marks = [
                EntityMark(start=first, end=first + len(origin), entity="city", role="origin"),
                EntityMark(start=second, end=second + len(goal), entity="city", role="goal"),
            ]
            found.append(Example(text=text, intent="book_flight", entities=marks))
    return [*found, *sayings()]


MEANINGS = {
    "order_pizza": ["pizza", "margherita", "focaccia", "lasagne", "risotto", "gnocchi", "polenta", "calzone"],
    "pay_by_card": ["visa", "cash", "cheque", "debit", "invoice", "transfer", "mastercard", "voucher"],
}  # the last one is in no example
MEANT = {word: words[0] for words in MEANINGS.values() for word in words}


def single_words() -> list[Example]:
    """Words that have nothing in common but what they mean."""
    return [Example(text=word, intent=intent) for intent, words in MEANINGS.items() for word in words[:-1]]


class WordEncoder:
    """Gives each word a vector of its own, and texts the mean of theirs; words of one meaning share one."""

    dim = 32

    def __init__(self, name: str = "words", version: str = "1") -> None:
        self.name, self.fingerprint = name, f"{name}-{version}"
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        self.encoded += texts
        rows = np.stack([self._row(text) for text in texts]) if texts else np.zeros((0, self.dim))
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return (rows / lengths).astype(np.float32)

    def _row(self, text: str) -> NDArray[np.float64]:
        row = np.zeros(self.dim)
        for word in WORD.findall(folded(text)):
            seed = int.from_bytes(hashlib.sha256(MEANT.get(word, word).encode()).digest()[:4], "big")
            row += np.random.default_rng(seed).normal(size=self.dim)
        return row
