"""Misunderstood messages are put together by meaning where there is an encoder, else by words; always the same way."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from botyard.features.chatbots import clusters
from botyard.features.chatbots.clusters import Grouping, group

SAID = (
    "where is your shop",
    "what is the meaning of life",
    "Where  is your shop",
    "in which street do I find you",
    "do you sell gift cards",
    "where exactly is the shop",
)


class Compass:
    """An encoder that knows the direction of a few words; the rest points nowhere in particular."""

    name, dim, fingerprint = "compass", 8, "compass-1"
    directions = {"shop": 0, "street": 0, "find": 0, "gift": 1, "life": 2}

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], /) -> Any:
        self.asked += texts
        found = np.full((len(texts), self.dim), 0.01, np.float32)
        for row, text in zip(found, texts, strict=True):
            for word, at in self.directions.items():
                row[at] += word in text
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def texts(found: clusters.Clusters) -> list[set[str]]:
    return [{SAID[at] for at in members} for members in found.groups]


def test_an_encoder_joins_what_means_the_same_in_other_words() -> None:
    found = group(SAID, Compass())

    assert texts(found)[0] == {SAID[0], SAID[2], SAID[3], SAID[5]}
    assert [len(members) for members in found.groups] == [4, 1, 1]
    assert found.by == "compass"


def test_without_an_encoder_shared_words_join() -> None:
    found = group(SAID, None)

    assert texts(found)[0] == {SAID[0], SAID[2], SAID[5]}
    assert {SAID[3]} in texts(found)
    assert found.by == ""


@pytest.mark.parametrize("encoder", [None, Compass()], ids=["words", "meaning"])
def test_every_message_is_in_one_cluster_and_the_same_ones_always_together(encoder: Any) -> None:
    chance = random.Random(7)
    words = ["shop", "gift", "life", "open", "card", "lamp", "blue", "when", "where"]
    many = [" ".join(chance.choices(words, k=chance.randint(1, 4))) for _ in range(300)]

    found = group(many, encoder)

    assert sorted(at for members in found.groups for at in members) == list(range(300))
    home = {many[at]: number for number, members in enumerate(found.groups) for at in members}
    assert all(home[many[at]] == number for number, members in enumerate(found.groups) for at in members)
    assert [len(members) for members in found.groups] == sorted(map(len, found.groups), reverse=True)
    assert group(many, encoder) == found


@pytest.mark.parametrize("encoder", [None, Compass()], ids=["words", "meaning"])
def test_texts_without_words_are_no_trouble(encoder: Any) -> None:
    assert group([], encoder).groups == []
    assert sum(map(len, group(["?!", "", "…"], encoder).groups)) == 3


def test_average_linkage_joins_groups_not_chains() -> None:
    line = np.array([0.0, 0.9, 1.8, 2.7, 9.0])  # neighbours are near, the ends are not
    alike = 1 - np.abs(line[:, None] - line[None, :])

    found = [sorted(members) for members in clusters._linked(alike, 0.0)]

    assert sorted(found) == [[0, 1], [2, 3], [4]]


async def test_vectors_are_kept_and_only_the_newest_messages_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compass = Compass()
    monkeypatch.setattr(clusters, "MAX_MESSAGES", 20)
    grouping = Grouping(lambda: compass)
    many = [f"gift {number}" for number in range(25)]

    found = await grouping.group(many)
    await grouping.group(many)

    assert sorted(at for members in found.groups for at in members) == list(range(20))
    assert len(compass.asked) == 20
