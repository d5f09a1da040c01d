"""Messages that mean much the same, put together: by meaning and words where there is an encoder, else by words alone.

With an encoder the two groups that are most alike on average are joined, again and again, as long as they are alike
enough. Without one, the message with most others near it takes them along, then the next of those that are left. The
same messages always make the same clusters. Grouping runs in a thread; measured on two thousand questions to a bank,
a cluster holds four fifths messages of one of the 77 intents.
"""

import asyncio
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, Any

from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.text import folded

if TYPE_CHECKING:
    from botyard.features.chatbots.nlu.encoders import EmbeddingCache, Encoder

MAX_MESSAGES = 2000  # the newest ones are grouped
_VECTORS = 10_000  # kept in memory: at most 20 MB
_ALIKE, _STRICTER = (
    0.3,
    0.05,
)  # on average, for two groups to be one; and so much more where there are many texts
_MEANING = 0.6  # how much the meaning counts; the rest are the words
_SETTLED = 30  # so many texts must be there before what all have in common is half left out
_NEAR_WORDS = 0.4
_COMMON = 0.15  # words of so many messages say nothing about what is meant, once there are many messages
_MANY = 40
_STEM = 6  # letters of a word that count: booked, booking and bookings are one
_WORD = re.compile(r"\w+")

Near = Sequence[Sequence[int]]  # for each text those near it, itself included


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of indexes into the texts, the largest first, each with the most typical text at its head.

    Texts that nothing is near to are groups of one. `by` names the encoder; empty where words were compared.
    """

    groups: list[list[int]]
    by: str = ""


class Grouping:
    """Groups the messages of inboxes. A part of the running process, which remembers vectors."""

    def __init__(self, load: Callable[[], "Encoder | None"] = encoders.load) -> None:
        self._load = load
        self._vectors = _Recent(_VECTORS)
        self._turn = asyncio.Lock()  # one at a time: the others wait instead of sharing two processors

    async def group(self, texts: Sequence[str]) -> Clusters:
        """The clusters of at most MAX_MESSAGES texts."""
        async with self._turn:
            return await asyncio.to_thread(group, list(texts[:MAX_MESSAGES]), self._load(), self._vectors)


def group(texts: Sequence[str], encoder: "Encoder | None", cache: "EmbeddingCache | None" = None) -> Clusters:
    """The clusters of texts; those that are read the same are always together."""
    if not texts:
        return Clusters([])
    places: dict[str, list[int]] = {}
    for at, text in enumerate(texts):
        places.setdefault(folded(text), []).append(at)
    different = list(places)
    weights = [len(places[text]) for text in different]
    if encoder is None:
        joined = list(_gathered(_near_by_words(different), weights))
    else:
        joined = _joined_by_meaning(different, encoder, cache)
    found = [[at for one in members for at in places[different[one]]] for members in joined]
    ordered = sorted(found, key=lambda members: (-len(members), members[0]))
    return Clusters(ordered, encoder.name if encoder else "")


# --- by meaning -----------------------------------------------------------------------------------------


def _joined_by_meaning(
    texts: Sequence[str], encoder: "Encoder", cache: "EmbeddingCache | None"
) -> list[list[int]]:
    """Groups joined by the average of what their texts mean and say, the most typical text first."""
    import numpy as np

    vectors = encoders.encode(encoder, texts, cache)
    # What all have in common says nothing: the topic of the chatbot, questions being questions.
    settled = len(texts) / (len(texts) + _SETTLED)
    spread = vectors - vectors.mean(axis=0) * settled
    spread /= np.maximum(np.linalg.norm(spread, axis=1, keepdims=True), 1e-9)
    words = _word_vectors(texts)
    alike = _MEANING * (spread @ spread.T) + (1 - _MEANING) * (words @ words.T)
    groups = _linked(alike.astype(np.float64), _ALIKE + _STRICTER * settled)
    return [_typical_first(members, alike) for members in groups]


def _typical_first(members: list[int], alike: Any) -> list[int]:
    import numpy as np

    within = alike[np.ix_(members, members)].sum(axis=1)
    return [members[at] for at in np.argsort(-within, kind="stable")]


def _linked(alike: Any, least: float) -> list[list[int]]:
    """Average linkage by chains of nearest neighbours, cut where groups are less alike than `least`."""
    import numpy as np

    alike = alike.copy()
    np.fill_diagonal(alike, -np.inf)
    groups: dict[int, list[int]] = {at: [at] for at in range(len(alike))}
    open_, chain = set(groups), list[int]()
    while open_:
        if not chain:
            chain.append(min(open_))
        top = chain[-1]
        best = int(np.argmax(alike[top]))
        if alike[top, best] < least:  # joins only make it less: this group is whole
            open_.discard(chain.pop())
            alike[top, :] = alike[:, top] = -np.inf
        elif len(chain) > 1 and alike[top, chain[-2]] >= alike[top, best]:
            chain.pop()
            _join(alike, groups, into=chain.pop(), gone=top)
            open_.discard(top)
        else:
            chain.append(best)
    return list(groups.values())


def _join(alike: Any, groups: dict[int, list[int]], *, into: int, gone: int) -> None:
    import numpy as np

    first, second = len(groups[into]), len(groups[gone])
    alike[into] = (alike[into] * first + alike[gone] * second) / (first + second)
    alike[:, into] = alike[into]
    alike[into, into] = -np.inf
    alike[gone, :] = alike[:, gone] = -np.inf
    groups[into] += groups.pop(gone)


def _word_vectors(texts: Sequence[str]) -> Any:
    import numpy as np

    _, holders, worth = _words(texts)
    column = {word: at for at, word in enumerate(worth)}
    found = np.zeros((len(texts), max(1, len(column))), np.float32)
    for word, value in worth.items():
        found[holders[word], column[word]] = value
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


# --- by words -------------------------------------------------------------------------------------------


def _gathered(near: Near, weights: Sequence[int]) -> Iterator[list[int]]:
    """The text with most weight near it takes all that are near; then the next one among those left."""
    left = set(range(len(near)))
    weight = [sum(weights[other] for other in others) for others in near]
    while left:
        centre = max(left, key=lambda at: (weight[at], -at))
        members = [at for at in near[centre] if at in left and at != centre]
        yield [centre, *members]
        taken = {centre, *members}
        left -= taken
        for gone in taken:
            for other in near[gone]:
                weight[other] -= weights[gone]


def _words(texts: Sequence[str]) -> tuple[list[set[str]], dict[str, list[int]], dict[str, float]]:
    """The words of each text, which texts hold a word, and what those that not all hold are worth."""
    words = [{word[:_STEM] for word in _WORD.findall(text)} for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(words):
        for word in sorted(each):
            holders[word].append(at)
    most = max(_MANY, round(_COMMON * len(texts)))
    worth = {word: log(1 + len(texts) / len(held)) for word, held in holders.items() if len(held) <= most}
    return words, holders, worth


def _near_by_words(texts: Sequence[str]) -> Near:
    """By the words that two texts share, rare ones counting more, nearest first."""
    words, holders, worth = _words(texts)
    length = [sqrt(sum(worth.get(word, 0) ** 2 for word in each)) or 1.0 for each in words]
    found = []
    for at, each in enumerate(words):
        shared: dict[int, float] = defaultdict(float)
        for word in each & worth.keys():
            for other in holders[word]:
                shared[other] += worth[word] ** 2
        cosines = [
            (-value / (length[at] * length[other]), other) for other, value in shared.items() if other != at
        ]
        found.append([at, *(other for cosine, other in sorted(cosines) if -cosine >= _NEAR_WORDS)])
    return found


class _Recent(MutableMapping[bytes, Any]):
    """Values of which the oldest go once there are too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[bytes, Any] = OrderedDict()

    def __getitem__(self, key: bytes) -> Any:
        return self._values[key]

    def __setitem__(self, key: bytes, value: Any) -> None:
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def __delitem__(self, key: bytes) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
