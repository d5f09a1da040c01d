"""An entry on its way in: its type, its size, what is lifted out of it, what is hidden in it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.core.logs import types
from botyard.core.logs.types import NewEntry
from botyard.kit import clock, crypto
from botyard.kit.errors import Invalid
from botyard.kit.redaction import HIDDEN, is_sensitive, may_hold_secret, redact

NOON = clock.to_us(datetime(2026, 6, 1, 12, tzinfo=UTC))
with clock.use(clock.SystemClock()):
    TOKEN = crypto.make_token("key")


def data_of(entry: NewEntry) -> dict[str, Any]:
    return dict(json.loads(entry.data or "{}"))


@pytest.mark.parametrize("log_type", ["user_activity", "debug", "terminal", "console", "a.b-c_9", "x" * 64])
def test_any_plain_word_is_a_type(log_type: str) -> None:
    assert NewEntry.of(log_type, {}).type == log_type


@pytest.mark.parametrize("log_type", ["", "two words", "x" * 65, "é", "a\n", "a/b", "AKIA" + "A1" * 8])
def test_other_types_are_refused_with_a_reason(log_type: str) -> None:
    with pytest.raises(Invalid, match="log type"):
        NewEntry.of(log_type, {})


def test_data_have_a_limit_that_the_refusal_names() -> None:
    frame = len('{"message":""}')
    NewEntry.of("debug", {"message": "x" * (types.MAX_DATA - frame)})
    with pytest.raises(Invalid, match=r"64 KiB .* 65537 bytes"):
        NewEntry.of("debug", {"message": "x" * (types.MAX_DATA - frame + 1)})


@pytest.mark.parametrize("value", ["\ud800", object()], ids=["half a pair", "an object"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        NewEntry.of("debug", {"value": value})


def test_what_is_searched_for_is_lifted_and_stays_in_the_data() -> None:
    data = {
        "message": "Signed in",
        "level": "WARN",
        "source": "gateway",
        "correlation_id": "c-1",
        "timestamp": "2026-06-01T12:00:00Z",
        "more": {"deep": [1, 2]},
    }
    entry = NewEntry.of("user_activity", data)
    assert (entry.message, entry.level, entry.source) == ("Signed in", "warning", "gateway")
    assert (entry.correlation_id, entry.at_us) == ("c-1", NOON)
    assert data_of(entry) == data


@pytest.mark.parametrize(
    ("data", "lifted"),
    [
        (
            {"msg": "short", "severity": "ERR", "service": "shop", "request_id": "r"},
            ("short", "error", "shop", "r"),
        ),
        ({"message": {"a": 1}, "level": 30, "source": None, "trace_id": 7}, ("", "30", "", "7")),
        ({"level": True, "message": ["x"]}, ("", "", "", "")),
        ({"correlation_id": "", "request_id": "r", "trace_id": "t"}, ("", "", "", "r")),
        ({"message": "a\x00b", "source": "\x00"}, ("a\ufffdb", "", "\ufffd", "")),
        ({}, ("", "", "", "")),
    ],
)
def test_other_words_for_the_same_are_known(data: dict[str, Any], lifted: tuple[str, str, str, str]) -> None:
    entry = NewEntry.of("debug", data)
    assert (entry.message, entry.level, entry.source, entry.correlation_id) == lifted


def test_what_is_too_long_for_its_column_is_cut_there_only() -> None:
    data = {"message": "m" * 20_000, "level": "l" * 99, "source": "s" * 999, "trace_id": "t" * 999}
    entry = NewEntry.of("debug", data)
    lengths = [len(text) for text in (entry.message, entry.level, entry.source, entry.correlation_id)]
    assert lengths == [types.MAX_MESSAGE, types.MAX_LEVEL, types.MAX_SOURCE, types.MAX_CORRELATION]
    assert data_of(entry) == data


@pytest.mark.parametrize(
    ("timestamp", "at_us"),
    [
        ("2026-06-01T14:00:00+02:00", NOON),
        ("2026-06-01T12:00:00", NOON),
        ("2026-06-01T12:00:00.000001Z", NOON + 1),
        (NOON // 1_000_000, NOON),
        (NOON / 1_000_000 + 0.5, NOON + 500_000),
        (NOON // 1_000, NOON),
        (NOON, NOON),
        (NOON * 1_000, NOON),
        (0, 0),
        ("yesterday", None),
        ("1780315200", None),
        (True, None),
        (None, None),
        ({"at": 1}, None),
        (1e300, None),
    ],
)
def test_moments_are_read_in_any_usual_form(timestamp: object, at_us: int | None) -> None:
    entry = NewEntry.of("debug", {"timestamp": timestamp})
    assert entry.at_us == at_us
    assert data_of(entry) == {"timestamp": timestamp}


CARD = "4111 1111 1111 1111"
SECRETS = {
    "one of ours": TOKEN,
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "bearer": "Bearer abcdef0123456789",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END RSA PRIVATE KEY-----",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "a1B2" * 9,
    "OpenAI": "sk-proj-abcdefghijklmnop1234",
    "Stripe": "sk_live_" + "a1B2" * 6,
    "Slack": "xoxb-1234567890-abcdefghij",
    "Google": "AIza" + "b" * 35,
    "Telegram": "123456789:" + "A" * 35,
    "address with password": "postgresql://shop:s3cret-word@db:5432/shop",
    "assignment": "api_key=s3cret-word",
    "assignment in quotes": "password = 'two words here'",
    "JSON in a text": '{"client_secret": "s3cret-word"}',
    "JSON in JSON in a text": '{\\"password\\": \\"s3cret-word\\"}',
    "list": "{'password': ['s3cret-word']}",
    "consumer key": "consumer_key=s3cret-word",
    "short word": "pass=s3cret-word",
    "storage": "AccountKey=s3cret-word;x=y",
    "session cookie": "PHPSESSID=s3cret-word",
    "PGP": "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1-2\nMIIEvQIBADANBgkqh\n-----END PGP PRIVATE KEY BLOCK-----",
    "option": "--password s3cret-word",
    "XML": "<password>s3cret-word</password>",
    "arrow": "'password' => 's3cret-word'",
    "wrapped": 'password: Some("s3cret-word")',
    "slash in the password": "postgres://u:ab/s3cret-word@h",
    "npm": "npm_" + "a1B2" * 9,
    "Hugging Face": "hf_" + "a1B2" * 8,
    "SendGrid": "SG.abcdefghijklmnopqrstuv.s3cret-word-s3cret-word",
    "webhook at Slack": "hooks.slack.com/services/T0/B0/s3cret-word",
    "webhook at Discord": "discord.com/api/webhooks/12345678901/s3cret-word",
    "token of an address": "https://a1B2a1B2a1B2a1B2a1B2@github.com",
    "application at X": "A" * 21 + "s3cret-word%3D" * 3,
    "card": CARD,
    "card without gaps": CARD.replace(" ", ""),
    "card of another network": "3782-822463-10005",
}
SECRET_PARTS = ("s3cret-word", "two words here", "abcdef0123456789", "MIIEvQIBADANBgkqh")


def assert_hidden(secret: str, entry: NewEntry) -> None:
    stored = " ".join([entry.data or "", entry.message, entry.source, entry.correlation_id, entry.level])
    assert HIDDEN in stored
    parts = [part for part in SECRET_PARTS if part in secret] or [secret.rpartition("_")[2]]
    for part in parts:
        assert part not in stored


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    for data in (
        {"message": f"it was {secret} today"},
        {"source": secret},
        {"request_id": secret},
        {"level": secret},
        {"deep": [{"er": [f"x {secret}"]}]},
        {secret: 1},
    ):
        assert_hidden(secret, NewEntry.of("debug", data))


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "Z", "P", "S")), max_size=30)


@given(st.sampled_from(sorted(SECRETS.values())), WORDS, WORDS, st.integers(0, 12))
def test_a_secret_is_hidden_in_any_surroundings(secret: str, before: str, after: str, depth: int) -> None:
    value: Any = f"{before} {secret} {after}"
    for level in range(depth):
        value = [value] if level % 2 else {"x": value}
    assert_hidden(secret, NewEntry.of("debug", {"value": value}))


NAMES = (
    *(
        "password",
        "Password",
        "PASSWORD",
        "db_password",
        "dbPassword",
        "DBPassword",
        "dbpassword",
        "passWord",
    ),
    *("token", "accessToken", "refresh-token", "authtoken", "secret", "clientSecret", "password2", "api_key"),
    *("apiKey", "X-API-KEY", "Authorization", "Cookie", "set-cookie", "credential", "userCredentials"),
    *("private_key", "privateKey", "sessionId", "otp", "totp_code", "recovery_codes", "AccountKey"),
    *("consumer_key", "oauth_consumer_key", "pass", "db_pass", "passcode", "pin", "userPin", "X-Auth-Key"),
    *("ssh_key", "client_key", "verification_code", "PHPSESSID", "sessionid", "connect.sid"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"a": "hunter2"}], ids=["text", "list", "object"])
def test_what_has_the_name_of_a_secret_is_hidden_at_any_depth(name: str, value: object) -> None:
    entry = NewEntry.of("debug", {"a": [{"b": {name: value, "password_set": True, "tokens_used": 12}}]})
    assert "hunter2" not in (entry.data or "")
    assert data_of(entry)["a"][0]["b"] == {name: HIDDEN, "password_set": True, "tokens_used": 12}


def test_a_number_can_be_a_secret_too() -> None:
    data = {"otp": 123456, "password": 20260601, "card": 4111111111111111, "prompt_tokens": 4096, "n": 4111}
    hidden = {"otp": HIDDEN, "password": HIDDEN, "card": HIDDEN, "prompt_tokens": 4096, "n": 4111}
    assert data_of(NewEntry.of("debug", data)) == hidden


ORDINARY = (
    "GET /orders/17 answered 200 in 12.5 ms",
    "Signed in from 127.0.0.1:5432 at 2026-06-01T12:00:00.000000Z",
    "moments 1780315200000000 and 1780315200000000000",
    "ids 80351110224678912, 4111111111111112, 0f8fad5b-d9cb-469f-a165-70867728950e",
    "https://example.org:8443/path?page=2&limit=10",
    "the password was changed; 3 tokens used; monkey=banana",
    "bot bot_01jd2 and key key_01jd2, log log_01jd2",
    "commit 3f2a9c0d1e5b7a8f9c0d1e2f3a4b5c6d7e8f9a0b",
    "Europe/Asia, basic plan, bearer of news",
    "12 passed, bypass=allowed, compass: north, pinned; second pass: reading, session: 7",
    "File \"/srv/app/main.py\", line 3, in <module>\nKeyError: 'missing'",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    data = {"message": text, "deep": [{"text": text}], "numbers": [1780315200000000, 80351110224678912, 1.5]}
    entry = NewEntry.of("debug", data)
    assert entry.message == text
    assert data_of(entry) == data


def test_long_and_deep_data_stay_whole() -> None:
    data: dict[str, Any] = {"password": "x", "long": "y" * 40_000}
    inner = data
    for _ in range(60):
        inner["deeper"] = {}
        inner = inner["deeper"]
    inner["end"] = "here"
    stored = NewEntry.of("debug", data).data or ""
    assert "y" * 40_000 in stored
    assert '"end":"here"' in stored


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | WORDS
    | st.sampled_from([*SECRETS.values(), *NAMES, *ORDINARY]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.fixed_dictionaries({"name": st.sampled_from(NAMES), "value": inner})
        | st.tuples(st.sampled_from(NAMES), inner).map(list)
        | st.dictionaries(WORDS | st.sampled_from([*NAMES, "message", "key"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*NAMES, "message", "a"]), VALUES, max_size=3))
def test_the_quick_look_never_passes_what_the_thorough_one_would_change(data: dict[str, Any]) -> None:
    text = msgspec.json.encode(data).decode()
    if not may_hold_secret(text):
        assert redact(data, whole=True) == data
        assert not any(is_sensitive(name) for name in data)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_any_data_become_an_entry_that_hides_the_same_when_read_again(data: dict[str, Any]) -> None:
    once = NewEntry.of("debug", data)
    assert NewEntry.of("debug", data_of(once)) == once
