"""Texts in pieces to speak: where people pause, in several scripts, none too long, none lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botyard.features.chatbots.voice import greetings, sentences
from botyard.features.chatbots.voice.sentences import MAX_PIECE, split


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Dr. Smith pays 3.50 dollars. Thanks.", ["Dr. Smith pays 3.50 dollars.", "Thanks."]),
        ("We meet at 5 p.m. in the hall.", ["We meet at 5 p.m. in the hall."]),
        ("J. R. Tolkien wrote it. So did I. Really?!", ["J. R. Tolkien wrote it.", "So did I.", "Really?!"]),
        ('He said "Stop." Then he left…', ['He said "Stop."', "Then he left…"]),
        ("Am 3. Mai z.B. um 9 Uhr. Bis dann.", ["Am 3. Mai z.B. um 9 Uhr.", "Bis dann."]),
        ("¿Qué tal? ¡Bien! Adiós.", ["¿Qué tal?", "¡Bien!", "Adiós."]),
        ("您好。今天我能帮您做什么？谢谢！", ["您好。", "今天我能帮您做什么？", "谢谢！"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("مرحبا. كيف حالك؟ شكرا.", ["مرحبا.", "كيف حالك؟", "شكرا."]),
        ("See https://example.org/a.b?c=1 now", ["See https://example.org/a.b?c=1 now"]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("  ... !!! \n - ", []),
        ("a\x00b\x1b[31m c\u202e", ["a b [31m c"]),
    ],
)
def test_pieces_end_where_sentences_end(text: str, pieces: list[str]) -> None:
    assert split(text) == pieces


def test_long_sentence_is_cut_at_its_commas_and_a_long_word_anywhere() -> None:
    clauses = [f"clause number {number} goes on for a little while" for number in range(20)]
    pieces = split(", ".join(clauses) + ".")
    assert max(map(len, pieces)) <= MAX_PIECE
    assert all(piece.endswith((",", ".")) for piece in pieces)
    assert "".join(split("x" * 1000)) == "x" * 1000


@settings(max_examples=40)
@given(st.text(max_size=500))
def test_nothing_that_can_be_said_is_lost_and_no_piece_is_too_long(text: str) -> None:
    pieces = split(text)
    assert all(0 < len(piece) <= MAX_PIECE for piece in pieces)
    spoken = [sign for piece in pieces for sign in piece if sign.isalnum()]
    assert spoken == [sign for sign in sentences.clean(text) if sign.isalnum()]


@pytest.mark.parametrize(
    ("tag", "begins"), [("de-AT", "Guten"), ("zh", "您好"), ("xx", "Hello"), ("mul", "Hello")]
)
def test_voice_greets_in_its_own_language(tag: str, begins: str) -> None:
    assert greetings.sentence(tag).startswith(begins)
