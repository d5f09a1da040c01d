"""Sealing, digests and the shape of tokens."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.kit import crypto

PART = st.one_of(st.text(max_size=8), st.integers(-1000, 1000), st.binary(max_size=8))
KEY = crypto.new_key()


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens_in_its_context(plain: bytes, context: bytes) -> None:
    sealed = crypto.seal(KEY, plain, context)
    assert crypto.open_sealed(KEY, sealed, context) == plain
    assert crypto.open_sealed(KEY, crypto.Sealed.parse(bytes(sealed)), context) == plain


@given(st.binary(max_size=50), st.integers(0, 10_000))
def test_any_flipped_bit_is_noticed(plain: bytes, at: int) -> None:
    sealed = bytearray(bytes(crypto.seal(KEY, plain, b"here")))
    sealed[at % len(sealed)] ^= 1 << (at % 8)
    with pytest.raises(crypto.Tampered):
        crypto.open_sealed(KEY, crypto.Sealed.parse(bytes(sealed)), b"here")


@given(st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_a_sealed_value_moved_to_another_place_does_not_open(here: list[object], there: list[object]) -> None:
    sealed = crypto.seal(KEY, b"plain", crypto.aad(*here))  # type: ignore[arg-type]
    if [(type(p), p) for p in here] == [(type(p), p) for p in there]:
        assert crypto.open_sealed(KEY, sealed, crypto.aad(*there)) == b"plain"  # type: ignore[arg-type]
    else:
        with pytest.raises(crypto.Tampered):
            crypto.open_sealed(KEY, sealed, crypto.aad(*there))  # type: ignore[arg-type]


def test_contexts_that_look_alike_are_different() -> None:
    alike = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("abc", ""),
        ("", "abc"),
        (1, 2),
        (12,),
        ("1", "2"),
        (b"1", b"2"),
    ]
    assert all(crypto.aad(*one) != crypto.aad(*other) for one, other in combinations(alike, 2))


@pytest.mark.parametrize("sealed", [b"", b"x" * 11, b"x" * 27])
def test_what_is_too_short_to_be_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(crypto.Tampered):
        crypto.Sealed.parse(sealed)


def test_another_key_does_not_open() -> None:
    sealed = crypto.seal(KEY, b"plain", b"")
    with pytest.raises(crypto.Tampered):
        crypto.open_sealed(crypto.new_key(), sealed, b"")


def test_a_nonce_is_never_used_twice() -> None:
    assert len({crypto.seal(KEY, b"same", b"").nonce for _ in range(1000)}) == 1000


def test_digests_differ_by_key_and_purpose() -> None:
    other = crypto.new_key()
    digests = {crypto.digest(key, purpose, "1234") for key in (KEY, other) for purpose in ("code", "reset")}
    assert len(digests) == 4


@given(st.text(max_size=20), st.text(max_size=40))
def test_remembered_digests_are_the_same_as_fresh_ones(purpose: str, value: str) -> None:
    digests = crypto.Digests(KEY)
    assert (
        digests.digest(purpose, value) == crypto.digest(KEY, purpose, value) == digests.digest(purpose, value)
    )


@given(st.text(max_size=10), st.text(max_size=10))
def test_comparing_takes_any_text(one: str, other: str) -> None:
    assert crypto.same(one, other) is (one == other)


@given(st.from_regex(r"[a-z]{1,16}", fullmatch=True), st.from_regex(r"[0-9A-Za-z]{1,40}", fullmatch=True))
def test_a_token_says_its_kind_and_id(kind: str, token_id: str) -> None:
    token = crypto.make_token(kind, token_id)
    parsed = crypto.parse_token(token)
    assert parsed is not None
    assert (parsed.kind, parsed.id) == (kind, token_id)
    assert token.startswith(f"by_{kind}_{token_id}_{parsed.secret}")
    assert parsed.secret not in repr(parsed)


@given(st.integers(0, 200), st.sampled_from("0aZ_ é\n"))
def test_a_mistyped_token_is_noticed_offline(at: int, letter: str) -> None:
    token = crypto.make_token("bot", "01jd2")
    position = at % len(token)
    typed = token[:position] + letter + token[position + 1 :]
    assert (crypto.parse_token(typed) is not None) is (typed == token)


@pytest.mark.parametrize("text", ["", "by_", "by_bot__", "Bearer x", "by_bot_x_" + "a" * 49, "x" * 100_000])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert crypto.parse_token(text) is None


def test_a_token_followed_by_a_newline_is_none() -> None:
    assert crypto.parse_token(crypto.make_token("bot") + "\n") is None


def test_a_token_of_another_kind_is_none() -> None:
    token = crypto.make_token("key")
    assert crypto.parse_token(token, "bot") is None
    assert crypto.parse_token(token, "key") is not None


def test_tokens_without_a_given_id_do_not_meet() -> None:
    parsed = [crypto.parse_token(crypto.make_token("key")) for _ in range(1000)]
    assert len({token.id for token in parsed if token}) == 1000


@pytest.mark.parametrize(
    ("kind", "token_id"), [("Bot", "1"), ("b_t", "1"), ("", "1"), ("bot", ""), ("bot", "a_b"), ("bot", "é")]
)
def test_a_token_that_could_not_be_parsed_is_not_made(kind: str, token_id: str) -> None:
    with pytest.raises(ValueError, match="format"):
        crypto.make_token(kind, token_id)


@given(st.binary(min_size=32, max_size=32))
def test_base62_keeps_every_key_apart(raw: bytes) -> None:
    text = crypto.base62(raw, 43)
    assert len(text) == 43
    number = 0
    for letter in text:
        number = number * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(letter)
    assert number == int.from_bytes(raw, "big")
