"""The page on sending logs: every block of it is run as it stands, by its own program."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from botyard.core.accounts import api_keys
from botyard.core.accounts.types import Role
from botyard.core.ingest.reader import StreamReader
from botyard.core.logs import service as logs
from tests.contracts.conftest import running  # noqa: F401 - a fixture
from tests.contracts.running import Running

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "send-logs.md"
BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)


async def test_the_page_does_what_it_says(running: Running, tmp_path: Path) -> None:  # noqa: F811
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("this machine has no curl or no bash")
    async with running.db.session() as session:
        _, key = await api_keys.create(
            session, user_id=1, name="shop", scopes=["logs:write"], role=Role.service
        )
    script = []
    for number, (language, code) in enumerate(BLOCK.findall(PAGE.read_text("utf-8"))):
        program = tmp_path / f"{number}.py"
        program.write_text(code)
        script.append(code if language == "sh" else f"{sys.executable} -W ignore {program}\n")
    environment = {
        **os.environ,
        "YARD_URL": running.url,
        "YARD_KEY": key,
        "PYTHONPATH": str(ROOT / "agents" / "python" / "src"),
    }

    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(script),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    assert '"status":"log_submitted"' in output.decode()
    rows = await logs.search(running.db.parts.get(StreamReader))
    found = {
        (row["message"], row["type"], row["level"], row["source"], row["correlation_id"]) for row in rows
    }
    assert found == {
        ("Ada signed in", "user_activity", "info", "gateway", "req-7"),
        ("Sold 3 apples", "debug", "info", "shop", "req-7"),
        ("Stock is low", "otel", "warning", "shop", ""),
    }


async def test_the_official_exporter_sends_packed_and_goes_on_after_a_refused_record(
    running: Running,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with running.db.session() as session:
        _, key = await api_keys.create(
            session, user_id=1, name="shop", scopes=["logs:write"], role=Role.service
        )
    program = tmp_path / "exporter.py"
    program.write_text(PROGRAM)
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{running.url}/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{key}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "exporter",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", str(program),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    rows = await logs.search(running.db.parts.get(StreamReader), source="exporter")
    assert [(row["message"], row["level"]) for row in rows] == [("small", "error")]


PROGRAM = """
import logging
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logger = logging.getLogger("shop")
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.error("x" * 70_000)
logger.error("small")
assert provider.force_flush()
provider.shutdown()
"""
