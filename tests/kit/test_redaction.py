"""What must never be written down, and what must stay readable."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botyard.kit import clock, crypto
from botyard.kit.redaction import HIDDEN, MAX_TEXT, is_sensitive, redact, redact_text, redact_url

SECRET = "hunter2hunter2"


class SameEveryTime(clock.SystemClock):
    """Names of tests hold the token, and all processes of a test run must name them alike."""

    def token_bytes(self, size: int) -> bytes:
        return bytes(range(size))


with clock.use(SameEveryTime()):
    OURS = crypto.make_token("bot", "01jd2")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    "name",
    [
        *("token", "bot_token", "accessToken", "refresh-token", "X-Bot-Token", "SECRET_KEY", "clientSecret"),
        *("password", "new_password", "passwordHash", "Authorization", "Cookie", "Set-Cookie", "api_key"),
        *("apiKey", "X-API-KEY", "APIKEY", "privateKey", "recovery_codes", "totp", "otp", "credentials"),
        *(
            "consumer_key",
            "oauth_consumer_key",
            "consumerKey",
            "X-Auth-Key",
            "ssh_key",
            "clientKey",
            "AccountKey",
        ),
        *("pass", "db_pass", "smtpPass", "passcode", "pin", "cardPin", "verification_code", "PHPSESSID"),
        *("sessionid", "connect.sid", "JSESSIONID", "sshkey"),
    ],
)
def test_names_of_secrets_are_known_in_any_spelling(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        *("key", "monkey", "author", "bot_id", "passing", "tokenizer", "path", "code", "passed", "compass"),
        *("bypass", "pinned", "pin_count", "shipping", "pass_rate", "session", "sid", "spin", "verification"),
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert not is_sensitive(name)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"{{'authorization': 'Bot {SECRET}'}}",
        f"sent bearer {SECRET} and failed",
        f"Cookie: theme=dark; session={SECRET}",
        f"Set-Cookie: __Host-session={SECRET}; Path=/",
        f"GET /ws?token={SECRET} HTTP/1.1",
        f"/validate?x=1&access_token={SECRET}&y=2",
        f"/cb?code={SECRET}&state={SECRET}",
        f"https://botyard:{SECRET}@db.example.org/x",
        f"postgresql://botyard:p@{SECRET}@127.0.0.1:5432/botyard",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f'{{"password": "{SECRET}", "name": "Ada"}}',
        f"password={SECRET}",
        f"X-API-KEY: {SECRET}",
        f"client_secret = '{SECRET}'",
        f"token was {OURS}",
        f"token was {JWT}",
        "https://api.telegram.org/bot123456789:AAH9hsdkjfhskdjfhskdjfhskdjfhskdjfh/getMe",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,0A\n\nMIIEvQIBADANBgkqh\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1-2\n\nMIIEvQIBADANBgkqh\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nab-cd MIIEvQIBADANBgkqh",
        f"{{'password': ['{SECRET}']}}",
        f'{{"password":["other]", "{SECRET}"]}}',
        f"access_token=[{SECRET}]",
        f'password: ["{SECRET}',
        f"passwords: [1, '{SECRET}']",
        f"consumer_key={SECRET}",
        f'oauth_consumer_key="{SECRET}"',
        f"pass={SECRET}",
        f"DB_PASS={SECRET}",
        f"{{'pass': '{SECRET}'}}",
        f"user: ada, pass: {SECRET}",
        f"passcode: {SECRET}",
        f"X-Auth-Key: {SECRET}",
        f"auth_key={SECRET}",
        f"ssh_key={SECRET}",
        f"client-key: {SECRET}",
        f"AccountName=shop;AccountKey={SECRET}==;EndpointSuffix=x",
        f"verification_code={SECRET}",
        f"PHPSESSID={SECRET}; theme=dark",
        f"sessionid={SECRET}",
        f"connect.sid=s%3A{SECRET}",
        f"mysql --password {SECRET} --host db",
        f"run --api-key={SECRET}",
        f"run --db-pass '{SECRET} more'",
        f"<password>{SECRET}</password>",
        f'<wsse:Password Type="x#PasswordText">{SECRET}</wsse:Password>',
        f"<password><![CDATA[{SECRET}]]></password>",
        f"'password' => '{SECRET}'",
        f"'token' => ['{SECRET}']",
        f'password: Some("{SECRET}")',
        f"password=SecretStr('{SECRET}')",
        f"password=abcd,{SECRET}",
        f'{{"password": "ab\\"{SECRET}"}}',
        f"password=b'{SECRET}'",
        f'{{"name": "X-Api-Key", "value": "{SECRET}"}}',
        f'{{\\"key\\":\\"password\\",\\"value\\":\\"{SECRET}\\"}}',
        f"('x-api-key', '{SECRET}')",
        f'[["x","y"],["x-api-key","{SECRET}"]]',
        f"postgres://u:ab/{SECRET}@h/db",
        f"https://{SECRET}{SECRET}@github.com/o/r.git",
        f"https://hooks.slack.com/services/T00/B00/{SECRET}",
        f"https://discord.com/api/webhooks/123456789012345678/{SECRET}_{SECRET}",
        f"npm_{SECRET}0123456789abcdef012345",
        f"hf_{SECRET}0123456789",
        f"SG.{SECRET}-{SECRET}.{SECRET}-{SECRET}",
        f"{'A' * 22}MLheAAAA%2BuSe{SECRET}%3D{SECRET}{SECRET}",
    ],
)
def test_secrets_are_found_by_their_looks(text: str) -> None:
    cleaned = redact_text(text)
    assert HIDDEN in cleaned
    for secret in (SECRET, OURS[-49:], JWT, "AAH9hsdkjf", "MIIEvQIBADANBgkqh"):
        assert secret not in cleaned


def test_a_token_of_ours_keeps_its_kind_and_id() -> None:
    assert redact_text(f"refused {OURS}") == f"refused by_bot_01jd2_{HIDDEN}"


@pytest.mark.parametrize(
    "text",
    [
        "GET /manager/api/my-bots/bot_01jd2 200",
        "bot bot_01jd2 went offline after 60 s",
        "connected to 127.0.0.1:5432",
        "https://example.org:8443/path?page=2&limit=10",
        "2026-06-01T12:00:00.000000Z",
        "the monkey: banana",
        "12 passed, 3 failed; bypass=allowed, compass: north, pinned: 12345",
        "second pass: reading; pass=true; pin=13; shipping: 12345",
        "tokens: [101, 2023, 345]; List<Token> found",
        "http://localhost:3000/@ada and https://registry.example.org/@scope/name",
        "session: 7, sid=41, authors: Ada",
        "GET /webhooks/incoming 200",
        '"hidden": "--password"',
        '"missing": ["password", "email"], "name": "token", "size": "large"',
    ],
)
def test_plain_lines_stay_as_they_are(text: str) -> None:
    assert redact_text(text) == text


def test_fields_are_hidden_at_any_depth_and_counts_are_not() -> None:
    value: dict[str, Any] = {
        "user": {"name": "Ada", "password": SECRET, "password_set": True, "tokens_used": 12, "api_key": None},
        "bots": [{"token": SECRET}, ("x", f"?token={SECRET}")],
        "headers": {"Cookie": [SECRET]},
        "raw": SECRET.encode(),
        "at": datetime(2026, 6, 1, tzinfo=UTC),
        "error": ValueError(f"bad password={SECRET}"),
    }
    cleaned = redact(value)
    assert SECRET not in repr(cleaned)
    assert cleaned["user"] == {
        "name": "Ada",
        "password": HIDDEN,
        "password_set": True,
        "tokens_used": 12,
        "api_key": None,
    }
    assert cleaned["raw"] == f"<{len(SECRET)} bytes>"
    assert cleaned["at"] == "2026-06-01 00:00:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        {"name": "X-Api-Key", "value": SECRET},
        {"key": "DB_PASSWORD", "value": SECRET},
        {"key": "password", "value": {"stringValue": SECRET}},
        {"Name": "db_pass", "Value": SECRET},
        {"name": "pin", "values": [SECRET]},
        ["x-api-key", SECRET],
        [("host", "x"), ("Authorization", SECRET)],
        ["Host", "example.org", "X-Auth-Key", SECRET],
        ["mysql", "-h", "db", "--password", SECRET],
        {"argv": ["run", "--api-key", SECRET, "now"]},
    ],
)
def test_a_value_apart_from_its_name_is_hidden(value: Any) -> None:
    assert SECRET not in repr(redact(value))
    assert HIDDEN in repr(redact(value))


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Ada", "value": SECRET},
        {"name": "Password reset sent", "value": "today"},
        {"key": "tokens_used", "value": 12},
        {"name": "password_set", "value": True},
        {"name": "token", "size": "large"},
        {"missing": ["password", "email"]},
        ["one", "password", "three"],
        {"session": 7, "sid": "evt_17", "pass": 12, "pin": 13, "passed": "all", "pass_rate": 0.5},
    ],
)
def test_what_only_stands_beside_such_a_name_stays(value: Any) -> None:
    assert redact(value) == value


def test_a_secret_used_as_a_name_is_hidden_too() -> None:
    assert OURS not in repr(redact({OURS: 1}))


def test_objects_are_written_without_their_secrets() -> None:
    class Thing:
        def __repr__(self) -> str:
            return f"Thing(password={SECRET!r})"

    assert SECRET not in redact({"thing": Thing()})["thing"]


def test_a_structure_that_holds_itself_ends() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert "…" in repr(redact(loop))


def test_long_texts_are_cut_in_the_middle() -> None:
    cleaned = redact_text("start " + "x" * 100_000 + " end")
    assert len(cleaned) < MAX_TEXT + 100
    assert cleaned.startswith("start ")
    assert cleaned.endswith(" end")
    assert "characters left out" in cleaned


def test_what_is_wanted_whole_is_not_cut() -> None:
    text = "start " + "x" * 100_000 + " token=abcdef end"
    assert redact_text(text, whole=True) == "start " + "x" * 100_000 + f" token={HIDDEN} end"
    deep: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": "end"}}}}}}}}}}
    assert redact(deep, whole=True) == deep


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 65_536, "a.b-c_" * 10_922, "eyJ" * 20_000, "password" * 8_192, "http://" * 9_362),
        *("://a:" * 13_000, "-----BEGIN " * 5_957, 'token="' * 9_000, "4111-" * 13_000, "x-token-" * 8_000),
        *("by_a_1_" * 9_000, "key:'" * 13_000, "123456:" + "a-" * 30_000, ";code" * 13_000),
        *("-----BEGIN PRIVATE KEY-----" + "-----END x" * 6_000, "-----BEGIN PRIVATE KEY-----" * 2_400),
        *("A" * 65_536, "token=[" * 9_300, "token=['\"" * 7_000, "token=[" + "1," * 32_000, "pass:" * 13_000),
        *(
            "--token " * 8_000,
            "--" * 32_000,
            "<token>" * 9_300,
            "<token " * 9_300 + "</",
            "://a:/" * 11_000 + "@",
        ),
        *("://" + "a" * 65_536 + "@", "token=a," * 8_000, "token=" + ",a" * 32_000, "pin:" * 16_000),
        *("['token','" * 6_500, "['token'" + "," * 60_000, "token','value':'" * 4_300),
    ],
)
def test_hiding_takes_time_linear_in_the_text(text: str) -> None:
    started = time.process_time()
    redact_text(text, whole=True)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a?b=1#frag", "https://example.org/a?b=1"),
        ("/ws?token=abc&x=1", f"/ws?token={HIDDEN}&x=1"),
        ("/ws?TOKEN=abc", f"/ws?TOKEN={HIDDEN}"),
        ("/reset?code=1", f"/reset?code={HIDDEN}"),
        ("/x?token", "/x?token"),
        ("https://ada:pw@example.org/", f"https://ada:{HIDDEN}@example.org/"),
        ("https://ada@example.org/", "https://ada@example.org/"),
        (f"/bots/{OURS}", f"/bots/by_bot_01jd2_{HIDDEN}"),
        ("https://[broken?token=abcdef", f"https://[broken?token={HIDDEN}"),
    ],
)
def test_addresses_lose_what_signs_in(url: str, shown: str) -> None:
    assert redact_url(url) == shown


PLAIN = st.text(st.characters(codec="utf-8"), max_size=40)


@given(PLAIN, PLAIN)
def test_a_token_is_found_wherever_it_stands(before: str, after: str) -> None:
    token = crypto.make_token("key")
    # letters and digits in front would make it part of a longer word, which no token is
    assert token not in redact_text(f"{before} {token} {after}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | PLAIN, lambda x: st.lists(x) | st.dictionaries(PLAIN, x)
    )
)
def test_any_value_is_redacted_without_failing(value: Any) -> None:
    redact(value)
