"""Services that check signatures themselves, with the page's example and the published keys."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from botyard.kit import keypairs
from botyard.kit.db import Stores
from botyard.settings import Settings
from tests import loopback
from tests.contracts.running import run
from tests.gateways.conftest import ADMIN_PASSWORD, Yards
from tests.gateways.page import BOTYARD, example

Check = Callable[[str], str]


@pytest.fixture
def check(yards: Yards) -> Check:
    """The example's function, on the running server's keys."""
    names: dict[str, Any] = {}
    exec(example("python", **{BOTYARD: yards.one.url}), names)
    function: Check = names["user_id"]
    return function


async def test_the_example_knows_whose_token_it_is(check: Check, yards: Yards) -> None:
    assert await asyncio.to_thread(check, await yards.sign_in()) == "1"


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def _forged(yards: Yards, tmp_path: Path) -> AsyncIterator[str]:
    token = await yards.sign_in()
    header, claims, signature = token.split(".")
    said, decoded = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    async with loopback.client(base_url=yards.one.url) as http:
        [published] = (await http.get("/.well-known/jwks.json")).json()["keys"]
    yield "not-a-token"
    yield f"{header}.{part({**decoded, 'sub': '2'})}.{signature}"
    yield f"{part({**said, 'alg': 'none'})}.{claims}."
    signed = f"{part({**said, 'alg': 'HS256'})}.{claims}"
    digest = hmac.digest(published["x"].encode(), signed.encode(), hashlib.sha256)
    yield f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    own = keypairs.make(tmp_path / "own.pem")
    for kid in (own.kid, published["kid"]):
        yield jwt.encode(decoded, own.private, "EdDSA", headers={"kid": kid, "typ": "at+jwt"})


async def test_it_refuses_what_the_server_did_not_sign(check: Check, yards: Yards, tmp_path: Path) -> None:
    async for forged in _forged(yards, tmp_path):
        with pytest.raises(jwt.PyJWTError):
            await asyncio.to_thread(check, forged)


async def test_the_keys_are_at_the_root_also_of_a_server_of_one_document(
    settings: Settings, tmp_path: Path
) -> None:
    pair = keypairs.make(tmp_path / "token.pem")
    chosen = settings.model_copy(update={"token_key_file": [tmp_path / "token.pem"]})

    async with (
        run(chosen, at_root="vivesphere", works=False) as running,
        loopback.client(base_url=running.url) as http,
    ):
        reply = await http.get("/.well-known/jwks.json")

    assert reply.json() == {"keys": [pair.jwk]}


async def test_keys_can_be_replaced_without_signing_anybody_out(stores: Stores, tmp_path: Path) -> None:
    old, new = tmp_path / "old.pem", tmp_path / "new.pem"
    keypairs.make(old)
    keypairs.make(new, "p256")
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)

    async def serve(*files: Path, tokens: list[str]) -> list[str]:
        """Run with these keys: which of the tokens are valid, and the algorithm of a new one, which is added."""
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path / "data",
            database_url=url,
            token_key_file=list(files),
            admin_password=ADMIN_PASSWORD,
            log_level="error",
        )
        async with (
            run(settings, works=False) as running,
            loopback.client(base_url=f"{running.url}/vivesphere/api/v1") as http,
        ):
            replies = [await http.get("/auth/validate", params={"token": token}) for token in tokens]
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            tokens.append((await http.post("/auth/login", json=login)).json()["token"])
            return [str(reply.json()["status"]) for reply in replies] + [
                str(jwt.get_unverified_header(tokens[-1])["alg"])
            ]

    tokens: list[str] = []
    assert await serve(tokens=tokens) == ["HS256"]
    assert await serve(old, tokens=tokens) == ["valid", "EdDSA"]
    assert await serve(old, new, tokens=tokens) == ["valid"] * 2 + ["EdDSA"]
    assert await serve(new, old, tokens=tokens) == ["valid"] * 3 + ["ES256"]
    assert await serve(new, tokens=tokens) == ["valid", "error", "error", "valid", "ES256"]
