"""Texts as X counts them. The figures are X's own, from its page on counting characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.features.studio.platforms import x_text

WEIGHTS = {
    "": 0,
    "Hello, world!": 13,
    "Hello, world! \U0001f44b": 16,
    "café": 4,
    "cafe\u0301": 4,  # composed before it is counted
    "дюны и прибой": 13,
    "海と空": 6,
    "안녕": 4,
    "‘quoted’ – and": 14,  # typographic quotes and dashes count one
    "more…": 6,  # but not this one
    "\u200bzero width": 11,
}
EMOJI = {
    "alien": "\U0001f47e",
    "skin tone": "\U0001f64b\U0001f3fd",
    "joined": "\U0001f468\u200d\U0001f3a4",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flag": "\U0001f1ff\U0001f1e6",
    "flag of tags": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "heart": "\u2764\ufe0f",
    "heart on fire": "\u2764\ufe0f\u200d\U0001f525",
    "keycap": "1\ufe0f\u20e3",
    "sign as picture": "©\ufe0f",
}
URLS = {
    "https://example.com": 23,
    "https://example.com/very/long/path?with=query&more=1#and-a-fragment": 23,
    "example.com": 23,
    "EXAMPLE.CO.ZA/shop": 23,
    "https://bücher.example/a": 23,
    "see https://example.com.": 4 + 23 + 1,
    "(https://example.com/a)": 1 + 23 + 1,
    "https://example.com/a_(b)": 23,
    "https://a.example https://b.example": 23 + 1 + 23,
    "見てexample.com": 4 + 23,
    "https://example.com/aを見て": 23 + 6,
    "https://example.com:8080/x": 23,
}
NO_URLS = (
    "me@example.com",
    "#example.com",
    "@example.com",
    "Node.js",
    "e.g. this",
    "3.14",
    "a . com",
    "version 1.2.3",
)


@pytest.mark.parametrize(("text", "weight"), WEIGHTS.items())
def test_characters_count_one_or_two(text: str, weight: int) -> None:
    assert x_text.length(text) == weight


@pytest.mark.parametrize("text", EMOJI.values(), ids=EMOJI)
def test_an_emoji_counts_two_however_it_is_composed(text: str) -> None:
    assert x_text.length(text) == 2
    assert x_text.length(f"a{text}b{text}") == 6


@pytest.mark.parametrize(("text", "weight"), URLS.items())
def test_an_address_counts_23_whatever_its_length(text: str, weight: int) -> None:
    assert x_text.length(text) == weight
    assert x_text.has_url(text)


@pytest.mark.parametrize("text", NO_URLS)
def test_what_is_no_address_is_counted_letter_by_letter(text: str) -> None:
    assert x_text.length(text) == len(text)
    assert not x_text.has_url(text)


@given(st.text())
def test_no_text_breaks_the_count(text: str) -> None:
    assert x_text.length(text) >= 0


@given(st.text(alphabet=st.characters(max_codepoint=0x7F, categories=["L", "N"])))
def test_plain_letters_count_as_many_as_they_are(text: str) -> None:
    assert x_text.length(text) == len(text)
