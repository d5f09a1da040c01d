"""The house keeps its shape: imports go down, types hold, rooms stay small, nothing names this or that machine."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "src", ROOT / "agents"]
BINARY = {".png", ".woff2", ".ico", ".jpg", ".webp", ".gz"}

MAX_FUNCTION, P90_FUNCTION, MEDIAN_FUNCTION = 60, 30, 10
MAX_FILE, P90_FILE = 500, 300
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DOCUMENTS = ROOT / "src" / "botyard" / "contracts"  # its folders are named after the documents

FOREIGN = {
    "the folder of one machine": re.compile(r"(^|[^\w.~/-])/(work|root|farm|home/\w+)/"),
    "an address of a package index": re.compile(r"https?://[^\s\"')]*(pythonhosted|pypi\.org/simple|registry\.npmjs|/simple/)"),
    "an option that names a package index": re.compile(r"^\s*--(extra-)?(index-url|find-links)\b", re.MULTILINE),
}  # fmt: skip


def tracked() -> list[Path]:
    """Files that git knows or would add; without git, what lies in the folders of the project."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
        paths = [ROOT / name for name in listing.split("\0") if name]
    else:
        paths = [
            path for top in ("src", "agents", "tests", "docs", "scripts") for path in (ROOT / top).rglob("*")
        ]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def python_files() -> list[Path]:
    return [
        path for path in tracked() if path.suffix == ".py" and any(top in path.parents for top in SOURCES)
    ]


def written_by_hand() -> list[Path]:
    """Without the revisions of the schema, which Alembic writes and nobody changes afterwards."""
    return [path for path in python_files() if not re.match(r"\d{4}_", path.name)]


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in written_by_hand():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


def run(*command: str) -> None:
    """Run a tool of this environment; its output is the failure."""
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def percentile(numbers: list[int], share: float) -> int:
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]


def test_imports_go_down() -> None:
    run("lint-imports", "--no-cache")


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "--no-cache", ".")


def test_code_is_formatted() -> None:
    run("ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.parametrize("config", ["pyproject.toml", "agents/python/pyproject.toml"])
def test_types_hold(config: str) -> None:
    run("mypy", "--config-file", config)


def test_functions_are_short(note: Callable[[str], None]) -> None:
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    numbers = list(lengths.values())
    median, p90 = int(statistics.median(numbers)), percentile(numbers, 0.9)
    note(
        f"{len(numbers)} functions: half have at most {median} lines, nine in ten {p90}, the longest {max(numbers)}"
    )
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION} == {}
    assert (median <= MEDIAN_FUNCTION, p90 <= P90_FUNCTION) == (True, True)


def test_files_are_short(note: Callable[[str], None]) -> None:
    lengths = {str(p.relative_to(ROOT)): p.read_text("utf-8").count("\n") for p in written_by_hand()}
    numbers = list(lengths.values())
    p90 = percentile(numbers, 0.9)
    note(f"{len(numbers)} files: nine in ten have at most {p90} lines, the longest {max(numbers)}")
    assert {name: length for name, length in lengths.items() if length > MAX_FILE} == {}
    assert p90 <= P90_FILE


def test_modules_have_names_that_say_something() -> None:
    parts = [(path, part) for path in python_files() for part in (path.stem, path.parent.name)]
    assert [
        str(path.relative_to(ROOT))
        for path, part in parts
        if part in VAGUE_NAMES and DOCUMENTS not in path.parents
    ] == []


def test_public_code_says_what_it_is_for() -> None:
    silent = []
    for path in python_files():
        if path.name == "__main__.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(str(path.relative_to(ROOT)))
        for node in tree.body:
            public = isinstance(node, DEFINITIONS) and not node.name.startswith("_")
            if public and ast.get_docstring(node) is None:
                silent.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert silent == []


def test_unfinished_work_has_an_issue() -> None:
    loose = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))|raise NotImplementedError")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in python_files()
        for match in loose.finditer(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_names(what: str) -> None:
    found = []
    for path in tracked():
        if path.suffix in BINARY or path == Path(__file__).resolve():
            continue
        for match in FOREIGN[what].finditer(path.read_text("utf-8", errors="replace")):
            found.append(f"{path.relative_to(ROOT)}: {match[0].strip()}")
    assert found == []
