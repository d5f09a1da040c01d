"""A key that signs access tokens, from the command that makes it to the server that starts with it."""

import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from tests.faults.server import Server

pytestmark = [pytest.mark.faults]


def botyard(*arguments: str) -> tuple[int, str]:
    """Run the command; answers its exit code and what it said."""
    command = [sys.executable, "-m", "botyard", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


async def test_a_made_key_is_published_and_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token.pem"
    code, said = botyard("token-key", "make", str(path))
    assert (code, f"BOTYARD_TOKEN_KEY_FILE={path}" in said) == (0, True), said
    code, said = botyard("token-key", "make", str(path), "--type", "p256")
    assert (code, "exists already" in said) == (2, True), said

    server = Server(tmp_path / "server", {"BOTYARD_TOKEN_KEY_FILE": str(path)})
    path.chmod(0o640)
    code, said = await server.refusal()
    assert (code, f"chmod 600 {path}" in said) == (2, True), said
    assert "Traceback" not in said

    path.chmod(0o600)
    await server.start()
    try:
        async with server.client() as http:
            reply = await http.get(f"{server.url}/.well-known/jwks.json")
        [key] = jwt.PyJWKSet.from_dict(reply.json()).keys
        assert key.algorithm_name == "EdDSA"
    finally:
        await server.kill()


async def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", {"BOTYARD_TOKEN_KEY_FILE": str(tmp_path / "lost.pem")})

    code, said = await server.refusal()

    assert code == 2, said
    assert f"botyard token-key make {tmp_path / 'lost.pem'}" in said
