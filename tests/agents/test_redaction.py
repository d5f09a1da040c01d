"""What is hidden, what is not, and that hiding is quick."""

import time

import pytest

from botyard_agent.redaction import redact_values, redactor

redact = redactor(["the-bots-own-token"])


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("using the-bots-own-token now", "using [redacted] now"),
        ("by_bot_01hzy8echo_" + "A1b2C3d4" * 6, "[redacted]"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("curl -H 'authorization: Basic dXNlcjpwYXNz'", "curl -H 'authorization: Basic [redacted]'"),
        ("password=hunter2 user=ann", "password=[redacted] user=ann"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": [redacted], "n": 1}'),
        ("DB_PASSWORD='two words' x", "DB_PASSWORD=[redacted] x"),
        ("?access_token=abc&page=2", "?access_token=[redacted]&page=2"),
        ("postgres://ann:s3cret@db/shop", "postgres://ann:[redacted]@db/shop"),
        ("key sk-proj-abcdefghijklmnop1234", "key [redacted]"),
        ("ghp_" + "a1" * 18, "[redacted]"),
        ("xoxb-1234567890-abcdef", "[redacted]"),
        ("AKIAABCDEFGHIJKLMNOP", "[redacted]"),
        ("bot 123456789:" + "A" * 35 + " up", "bot [redacted] up"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123", "jwt [redacted]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----!", "[redacted]!"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str) -> None:
    assert redact(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "the password was changed",
        "3 tokens used in 12:30:45.123456789",
        "monkey=banana keyboard=qwerty",
        "http://host:8000/path?page=2",
        "see https://example.org/a:b@c",
        "commit 3f2a9c0d1e5b7a8f9c0d1e2f3a4b5c6d7e8f9a0b",
        "task-sk-1 done, by_hand",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


def test_values_under_secret_names_are_hidden_whole() -> None:
    data = {
        "api_key": "abc",
        "Token": "x y",
        "tokens": 12,
        "deep": [{"clientSecret": "s", "n": 1}],
        "note": "password=a",
    }

    assert redact_values(data, redact) == {
        "api_key": "[redacted]",
        "Token": "[redacted]",
        "tokens": 12,
        "deep": [{"clientSecret": "[redacted]", "n": 1}],
        "note": "password=[redacted]",
    }


@pytest.mark.parametrize(
    "text",
    [
        "a" * 32_768,
        "a.b-c_" * 5461,
        "eyJ" * 10_000,
        "password" * 4096,
        "http://" * 4681,
        "-----BEGIN " * 2978,
    ],
)
def test_hiding_takes_time_linear_in_the_text(text: str) -> None:
    started = time.process_time()
    redact(text)
    whole = time.process_time() - started

    assert whole < 0.5
