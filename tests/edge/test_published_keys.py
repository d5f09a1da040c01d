"""The public keys of access tokens at the root, on an app of their own."""

from pathlib import Path

import httpx
import pytest

from botyard.core.accounts.token_keys import TokenKeys
from botyard.edge import published_keys
from botyard.kit import keypairs
from botyard.kit.db import Database
from botyard.kit.keypairs import KeyPair
from botyard.kit.keys import SigningKey
from botyard.settings import Settings
from tests.edge.yard import client

SECRET = SigningKey(b"s" * 32, "0123456789ab")


async def ask(db: Database, settings: Settings, *pairs: KeyPair) -> httpx.Response:
    db.parts.add(TokenKeys([SECRET], pairs))
    async with client(published_keys.create(db, settings)) as http:  # type: ignore[arg-type]
        return await http.get("/.well-known/jwks.json")


async def test_without_key_pairs_the_list_is_empty(bare_db: Database, bare_settings: Settings) -> None:
    reply = await ask(bare_db, bare_settings)

    assert (reply.status_code, reply.json()) == (200, {"keys": []})
    assert reply.headers["content-type"] == "application/json"


async def test_every_accepted_key_is_published_the_signing_one_first(
    bare_db: Database, bare_settings: Settings, tmp_path: Path
) -> None:
    pairs = [keypairs.make(tmp_path / "a.pem"), keypairs.make(tmp_path / "b.pem", "p256")]

    reply = await ask(bare_db, bare_settings, *pairs)

    assert reply.json() == {"keys": [pair.jwk for pair in pairs]}
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert SECRET.kid not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "jwks.json", 405), ("GET", "openid-configuration", 404)]
)
async def test_nothing_else_is_there(
    bare_db: Database, bare_settings: Settings, method: str, path: str, status: int
) -> None:
    async with client(published_keys.create(bare_db, bare_settings)) as http:  # type: ignore[arg-type]
        reply = await http.request(method, f"/.well-known/{path}")

    assert (reply.status_code, set(reply.json())) == (status, {"error", "code"})
