"""What is made from something else is up to date, and the SDK for JavaScript passes its own tests."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JS = ROOT / "sdks" / "js"
PYTHON = ROOT / "sdks" / "python"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no Node.js")


def run(*command: str | Path, where: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=where, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_blocking_client_is_made_from_the_one_for_asyncio() -> None:
    run(sys.executable, "generate_sync.py", "--check", where=PYTHON)


def test_types_of_the_client_for_python_hold() -> None:
    run(sys.executable, "-m", "mypy", "--config-file", PYTHON / "pyproject.toml", where=ROOT)


@needs_node
def test_the_file_for_browsers_is_made_from_the_sources() -> None:
    run("node", "build.mjs", "--check", where=JS)


@needs_node
def test_the_client_for_javascript_passes_its_tests() -> None:
    told = run("node", "--test", where=JS)
    passed = re.search(r"^# pass (\d+)$", told, re.MULTILINE)
    assert passed, told
    assert int(passed[1]) > 40


@pytest.mark.skipif(shutil.which("tsc") is None, reason="this machine has no TypeScript compiler (tsc)")
def test_types_of_the_client_for_javascript_hold() -> None:
    run("tsc", "--project", "test/types", where=JS)


def test_packages_have_no_dependencies_that_were_not_meant() -> None:
    package = json.loads((JS / "package.json").read_text("utf-8"))
    assert not any("ependencies" in name for name in package)
    imports = re.findall(r"require\('([^')]+)'\)", "".join(p.read_text("utf-8") for p in JS.glob("src/*.js")))
    assert {name for name in imports if not name.startswith(".")} == {"node:crypto"}


@pytest.mark.parametrize("types", ["index.d.ts", "index.d.mts"])
def test_types_name_everything_that_is_exported(types: str) -> None:
    exported = set(re.findall(r"^  (\w+),$", (JS / "index.mjs").read_text("utf-8"), re.MULTILINE))
    declared = (JS / types).read_text("utf-8")
    assert len(exported) > 10
    assert {name for name in exported if not re.search(rf"\b{name}\b", declared)} == set()
