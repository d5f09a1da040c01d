"""Access tokens signed by key pairs: each key has one algorithm, whatever a token says of itself."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from botyard.core.accounts.errors import TokenRejected
from botyard.core.accounts.token_keys import TokenKeys
from botyard.kit import keypairs
from botyard.kit.clock import FrozenClock
from botyard.kit.keypairs import KeyPair
from botyard.kit.keys import SigningKey

SECRET = SigningKey(b"s" * 32, "0123456789ab")


def part(value: Any) -> str:
    """A part of a token, made by hand: libraries refuse to make what attackers make."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = jwt.get_unverified_header(token)
    return header


@pytest.fixture(params=["ed25519", "p256"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> KeyPair:
    return keypairs.make(tmp_path / "token.pem", request.param)


@pytest.fixture
def keys(pair: KeyPair, clock: FrozenClock) -> TokenKeys:
    return TokenKeys([SECRET], [pair])


@pytest.fixture
def token(keys: TokenKeys) -> str:
    return keys.sign(user_id=7, session_id="ses_1")


def test_a_token_names_the_key_and_the_algorithm_it_was_signed_with(
    keys: TokenKeys, pair: KeyPair, token: str
) -> None:
    assert header_of(token) == {"alg": pair.algorithm, "kid": pair.kid, "typ": "at+jwt"}
    claims = keys.read(token)
    assert (claims.user_id, claims.session_id) == (7, "ses_1")


def test_others_check_it_with_what_is_published(keys: TokenKeys, token: str) -> None:
    [published] = keys.published
    key = jwt.PyJWK(published)

    claims = jwt.decode(
        token,
        key,
        algorithms=[published["alg"]],
        audience="botyard",
        issuer="botyard",
        options={"verify_exp": False, "verify_iat": False},  # the tests' clock stands still
    )

    assert claims["sub"] == "7"


def test_what_is_published_holds_no_private_half(keys: TokenKeys) -> None:
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(keys.published[0])


def test_without_key_pairs_nothing_is_published() -> None:
    assert TokenKeys([SECRET]).published == ()


def test_tokens_of_before_stay_valid_until_they_expire(pair: KeyPair, clock: FrozenClock) -> None:
    old = TokenKeys([SECRET]).sign(user_id=7, session_id="ses_1")
    keys = TokenKeys([SECRET], [pair])

    assert header_of(old)["alg"] == "HS256"
    assert keys.read(old).user_id == 7
    clock.advance(3600)
    with pytest.raises(TokenRejected):
        keys.read(old)


def test_the_first_key_signs_and_all_are_accepted(tmp_path: Path, clock: FrozenClock) -> None:
    old, new = keypairs.make(tmp_path / "old.pem"), keypairs.make(tmp_path / "new.pem", "p256")
    before, after = TokenKeys([SECRET], [old, new]), TokenKeys([SECRET], [new, old])
    early, late = before.sign(user_id=7, session_id="a"), after.sign(user_id=7, session_id="a")

    assert [header_of(token)["kid"] for token in (early, late)] == [old.kid, new.kid]
    for keys in (before, after):
        assert keys.read(early) == keys.read(late)
    with pytest.raises(TokenRejected):
        TokenKeys([SECRET], [new]).read(early)


def test_refresh_and_subject_keys_do_not_change_with_the_key_pair(pair: KeyPair) -> None:
    plain, paired = TokenKeys([SECRET]), TokenKeys([SECRET], [pair])

    assert plain.successor_secrets("s", "rt_1") == paired.successor_secrets("s", "rt_1")
    assert plain.subject("alice") == paired.subject("alice")


def test_the_public_key_is_no_secret_to_sign_with(keys: TokenKeys, pair: KeyPair, token: str) -> None:
    claims = token.split(".")[1]
    encodings = [
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    ]
    secrets = [pair.public.public_bytes(*encoding) for encoding in encodings]
    secrets += [json.dumps(pair.jwk).encode(), pair.members["x"].encode(), b""]
    for secret in secrets:
        signed = f"{part({'alg': 'HS256', 'kid': pair.kid, 'typ': 'at+jwt'})}.{claims}"
        forged = f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        with pytest.raises(TokenRejected):
            keys.read(forged)


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", "HS512", "RS256", "PS256", "ES384", None])
def test_no_other_algorithm_is_believed(
    keys: TokenKeys, pair: KeyPair, token: str, algorithm: str | None
) -> None:
    _, claims, signature = token.split(".")
    for kid in (pair.kid, SECRET.kid):
        header = part({"alg": algorithm, "kid": kid, "typ": "at+jwt"})
        for end in ("", signature):
            with pytest.raises(TokenRejected):
                keys.read(f"{header}.{claims}.{end}")


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "../../keys/signing.key",
        "/dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "' UNION SELECT 'x",
        "http://127.0.0.1:1/jwks.json",
        7,
        ["0123456789ab"],
    ],
)
def test_a_key_name_is_only_looked_up(keys: TokenKeys, token: str, kid: object) -> None:
    claims = token.split(".")[1]
    signed = f"{part({'alg': 'HS256', 'kid': kid, 'typ': 'at+jwt'})}.{claims}"
    for secret in (b"", b"0", SECRET.secret):
        forged = f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        with pytest.raises(TokenRejected):
            keys.read(forged)


def test_a_key_that_comes_with_the_token_is_not_used(
    keys: TokenKeys, pair: KeyPair, token: str, tmp_path: Path
) -> None:
    own = keypairs.make(tmp_path / "attacker.pem")
    claims = jwt.decode(token, options={"verify_signature": False})
    for kid in (own.kid, pair.kid):
        header = {"typ": "at+jwt", "kid": kid, "jwk": own.jwk, "jku": "http://127.0.0.1:1/keys"}
        with pytest.raises(TokenRejected):
            keys.read(jwt.encode(claims, own.private, "EdDSA", headers=header))


def test_a_changed_claim_or_signature_is_refused(keys: TokenKeys, token: str) -> None:
    header, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "=="))
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[0] ^= 1

    for forged in (
        f"{header}.{part({**changed, 'sub': '1'})}.{signature}",
        f"{header}.{claims}.{part(bytes(raw))}",
    ):
        with pytest.raises(TokenRejected):
            keys.read(forged)


def test_something_else_signed_by_the_key_is_no_access_token(
    keys: TokenKeys, pair: KeyPair, token: str
) -> None:
    claims = jwt.decode(token, options={"verify_signature": False})
    for header in (
        {"kid": pair.kid},
        {"kid": pair.kid, "typ": "JWT"},
        {"kid": pair.kid, "typ": "logout+jwt"},
    ):
        with pytest.raises(TokenRejected):
            keys.read(jwt.encode(claims, pair.private, pair.algorithm, headers=header))
    for wrong in ({"iss": "another"}, {"aud": "another"}, {"aud": ["botyard", "another"]}):
        headers = {"kid": pair.kid, "typ": "at+jwt"}
        with pytest.raises(TokenRejected):
            keys.read(jwt.encode({**claims, **wrong}, pair.private, pair.algorithm, headers=headers))
