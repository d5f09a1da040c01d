"""Key pairs that sign access tokens: read from PEM, named by their thumbprint, refused with words that help."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from botyard.kit import keypairs
from botyard.kit.keypairs import Private
from botyard.kit.keys import KeyExposed, KeyRefused

# RFC 8037, appendix A.1 to A.3: a private key, its public half and its thumbprint.
RFC_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def pem(key: Private, *, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_the_name_of_a_key_is_the_thumbprint_of_the_rfc(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_SEED))

    pair = keypairs.read(write(tmp_path / "token.pem", pem(key)))

    assert pair.jwk == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": RFC_X,
        "kid": RFC_KID,
        "use": "sig",
        "alg": "EdDSA",
    }


@pytest.mark.parametrize(
    ("make", "algorithm", "members"),
    [
        (ed25519.Ed25519PrivateKey.generate, "EdDSA", {"kty", "crv", "x"}),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "ES256", {"kty", "crv", "x", "y"}),
        (lambda: rsa.generate_private_key(65537, 2048), "RS256", {"kty", "n", "e"}),
    ],
    ids=["Ed25519", "P-256", "RSA"],
)
def test_each_kind_has_one_algorithm_and_publishes_its_public_half_only(
    make: Callable[[], Private], algorithm: str, members: set[str], tmp_path: Path
) -> None:
    pair = keypairs.read(write(tmp_path / "token.pem", pem(make())))

    assert pair.algorithm == pair.jwk["alg"] == algorithm
    assert set(pair.jwk) == members | {"kid", "use", "alg"}


def test_a_made_key_is_private_and_read_again(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = [keypairs.make(tmp_path / "a.pem"), keypairs.make(tmp_path / "b.pem", "p256")]
    finally:
        os.umask(before)

    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.pem", "b.pem")] == [0o600, 0o600]
    assert [pair.algorithm for pair in made] == ["EdDSA", "ES256"]
    read = keypairs.read_all([tmp_path / "a.pem", tmp_path / "b.pem"])
    assert [pair.kid for pair in read] == [pair.kid for pair in made]


def test_making_never_replaces_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "token.pem", b"mine")

    with pytest.raises(KeyRefused, match="exists already"):
        keypairs.make(path)
    with pytest.raises(KeyRefused, match="cannot be written"):
        keypairs.make(tmp_path / "missing" / "token.pem")

    assert path.read_bytes() == b"mine"


def test_a_folder_holds_its_keys_by_name_and_a_key_given_twice_counts_once(tmp_path: Path) -> None:
    second, first = keypairs.make(tmp_path / "2.pem"), keypairs.make(tmp_path / "1.pem")
    write(tmp_path / "notes.txt", b"not a key")

    found = keypairs.read_all([tmp_path, tmp_path / "1.pem"])

    assert [pair.kid for pair in found] == [first.kid, second.kid]
    assert keypairs.read_all([]) == []


def test_neither_private_keys_nor_files_show_in_what_is_printed(tmp_path: Path) -> None:
    pair = keypairs.make(tmp_path / "token.pem")

    assert "private" not in repr(pair).lower()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_key_that_others_can_read_or_replace_is_refused(mode: int, tmp_path: Path) -> None:
    keypairs.make(tmp_path / "token.pem")
    (tmp_path / "token.pem").chmod(mode)

    with pytest.raises(KeyExposed, match=r"chmod 600 .*token\.pem"):
        keypairs.read(tmp_path / "token.pem")


def _unusable() -> dict[str, tuple[bytes, str]]:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "nothing": (b"", "no private key"),
        "text": (b"hello", "no private key"),
        "a public key": (public, "no private key"),
        "cut off": (pem(key)[:60], "no private key"),
        "a passphrase": (pem(key, password=b"hidden"), "passphrase"),
        "a small RSA key": (pem(rsa.generate_private_key(65537, 1024)), "2048 bits"),
        "another curve": (pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
    }


@pytest.mark.parametrize("what", _unusable())
def test_what_cannot_sign_is_refused_and_nothing_of_it_is_said(what: str, tmp_path: Path) -> None:
    content, reason = _unusable()[what]

    with pytest.raises(KeyRefused, match=reason) as refusal:
        keypairs.read(write(tmp_path / "token.pem", content))

    assert str(tmp_path / "token.pem") in str(refusal.value)
    assert "BEGIN" not in str(refusal.value)


def test_missing_files_and_empty_folders_say_how_to_make_a_key(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "token.pem"):
        with pytest.raises(KeyRefused, match="botyard token-key make"):
            keypairs.read_all([path])
