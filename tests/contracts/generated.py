"""Requests that Schemathesis makes from a document's own OpenAPI description, good and bad ones."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Left out: `positive_data_acceptance` (a description cannot say that a name is taken or a lease is lost) and
# `missing_required_header` (no call has one of its own).
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)
TIMEOUT_S = 240
# Tables of all characters take seconds to make: every run finds those of the first one.
TABLES = Path(__file__).parents[2] / ".hypothesis"
# It looks through its whole environment for proxies at every request, so it is given little.
NEEDED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")


async def failures(
    url: str,
    folder: Path,
    *,
    headers: Mapping[str, str],
    known: Mapping[str, Any],
    leave_out: tuple[str, ...] = (),
    checks: tuple[str, ...] = CHECKS,
    everything: bool = True,
    examples: int = 5,
    seed: int = 1,
) -> str:
    """What Schemathesis complains of, empty when of nothing.

    `known` are parameters by place and name (`path.bot_id`) with values that exist, so that requests reach more
    than a 404; `leave_out` are paths that would end the session that the requests are made with. Without
    `everything` only the phase runs that tries each kind of value in each place once.
    """
    settings = folder / "schemathesis.toml"
    values = "\n".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in known.items())
    settings.write_text(f"[parameters]\n{values}\n", "utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(settings), "run"]
    command += [f"{url}/openapi.json", "--checks", ",".join(checks), "--max-examples", str(examples)]
    phases = "examples,coverage,fuzzing,stateful" if everything else "coverage"
    command += ["--phases", phases, "--seed", str(seed), "--continue-on-failure"]
    command += ["--request-timeout", "30", "--warnings", "off", "--no-shrink"]
    command += ["--generation-database", "none"]
    command += [part for path in leave_out for part in ("--exclude-path", path)]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    environment = {name: os.environ[name] for name in NEEDED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment | {"HYPOTHESIS_STORAGE_DIRECTORY": str(TABLES)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    return "" if process.returncode == 0 and " generated" in output else output
