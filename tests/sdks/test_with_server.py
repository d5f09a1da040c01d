"""Both SDKs and a running server. It runs on one store: what the clients see of it is the same on each."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from botyard.settings import Settings
from tests.contracts.running import Running, run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT.parent / "shared" / "contracts" / "chatbots.md"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no Node.js")


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("server"),
        log_level="error",
        rate_limits="off",
        allow_private_networks=True,  # the receivers of webhooks are on this machine
    )
    async with run(settings) as running:
        yield running


async def program(running: Running, *command: str | Path, **variables: str) -> str:
    """Run a program that knows the server's address; answers what it printed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env={**os.environ, "CHATBOTS_BASE_URL": f"{running.url}/chatbots/api", **variables},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.fixture(scope="module")
async def toured(running: Running) -> dict[str, Any]:
    """What the tour in JavaScript left: a key, and a conversation."""
    printed = await program(running, "node", ROOT / "tests" / "sdks" / "tour.js")
    left: dict[str, Any] = json.loads(printed)
    return left


@needs_node
async def test_an_application_in_javascript_works(toured: dict[str, Any]) -> None:
    assert toured["key"]
    assert toured["conversationId"]


async def test_an_application_in_python_works(running: Running) -> None:
    await program(
        running, sys.executable, "-W", "error", "tests/sdks/tour.py", PYTHONPATH=str(ROOT / "sdks/python/src")
    )


@needs_node
async def test_the_example_of_the_document_runs_word_for_word(
    running: Running, toured: dict[str, Any], tmp_path: Path
) -> None:
    if not DOCUMENT.exists():
        pytest.skip("the document is not beside this checkout")
    blocks = re.findall(r"```javascript\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    [example] = [block for block in blocks if "chatbots-platform-sdk" in block]
    installed = tmp_path / "node_modules" / "chatbots-platform-sdk"
    installed.parent.mkdir()
    installed.symlink_to(ROOT / "sdks" / "js")
    for credential in ("your_api_key", "your_access_token"):  # the one that is left as it is is not accepted
        told = f"const conversationId = {json.dumps(toured['conversationId'])};\n"
        body = example.replace(credential, toured["key"] if credential == "your_api_key" else "no token")
        if credential == "your_access_token":
            body = body.replace("your_api_key", toured["key"])
        script = tmp_path / "example.js"
        script.write_text(
            f"(async () => {{\n{told}{body}\nconsole.log(JSON.stringify([chatbot, response]));\n}})();"
        )

        chatbot, response = json.loads(await program(running, "node", script))

        assert (chatbot["name"], chatbot["type"]) == ("Customer Support Bot", "hybrid")
        assert response["message"]["conversationId"] == toured["conversationId"]
        assert response["reply"]["sender"] == "bot"
