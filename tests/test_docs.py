"""What the documentation says is so: reference pages are those of the code, links lead somewhere, commands exist."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from botyard.core.config import owned

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TOP = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "AGENTS.md"]
PAGES = [ROOT / name for name in TOP] + sorted(DOCS.rglob("*.md"))
_LINK = re.compile(r"(?<!\w)!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_MAKE = re.compile(r"(?:^|`|\s)make ([a-z][a-z-]*)")
_COMMAND = re.compile(r"^\$? ?(?:\.venv/bin/)?botyard((?: [a-z-]+)+)", re.MULTILINE)
_VARIABLE = re.compile(r"\bBOTYARD_[A-Z_]+\b")
_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


def by_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(code: str) -> str:
    """Run code in a process of its own, so that the modules it imports are not this run's."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reference_pages_are_those_of_the_code() -> None:
    stale = run(
        "import sys; sys.path.insert(0, 'scripts'); import reference; print(*reference.stale(), sep='\\n')"
    )
    assert stale.split() == [], "run `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    targets = [match["target"].partition("#")[0] for match in _LINK.finditer(text)]
    local = [
        target for target in targets if target and "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_links_to_a_heading_find_it(page: Path) -> None:
    missing = []
    for match in _LINK.finditer(_FENCE.sub("", page.read_text("utf-8"))):
        target, _, anchor = match["target"].partition("#")
        file = page if not target else page.parent / target
        if anchor and "://" not in target and file.suffix == ".md" and anchor not in set(anchors(file)):
            missing.append(match["target"])
    assert missing == []


def anchors(page: Path) -> Iterator[str]:
    """The anchors of a page's headings, as the site and GitHub make them."""
    for line in _FENCE.sub("", page.read_text("utf-8")).splitlines():
        if line.startswith("#"):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield words.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for body in code_of(page) for name in _MAKE.findall(body)}
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_commands_exist(page: Path) -> None:
    known = set(
        re.findall(
            r"^## `botyard ([a-z -]+)`", (DOCS / "reference/commands.md").read_text("utf-8"), re.MULTILINE
        )
    )
    for body in code_of(page):
        for command in _COMMAND.findall(body):
            words = command.split()
            assert any(" ".join(words[: len(name.split())]) == name for name in known), f"botyard{command}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "compose.yaml", ROOT / "Dockerfile"], ids=by_path)
def test_settings_exist(page: Path) -> None:
    known = set(_VARIABLE.findall((DOCS / "reference/settings.md").read_text("utf-8")))
    known |= {"BOTYARD_TEST_POSTGRES_URL", "BOTYARD_TEST_REDIS_URL"} | set(agent_variables())
    named = {name for name in _VARIABLE.findall(page.read_text("utf-8")) if not name.endswith("_")}
    assert named - known == set()


def agent_variables() -> Iterator[str]:
    """Variables that the agent libraries read."""
    for path in (ROOT / "agents").rglob("*.py"):
        yield from _VARIABLE.findall(path.read_text("utf-8"))


def code_of(page: Path) -> Iterator[str]:
    """Blocks of shell and pieces of code within sentences."""
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        if match["language"] in ("", "sh", "bash", "console", "shell"):
            yield match["body"]
    yield from re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))


def test_every_make_target_is_explained() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    explained = set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE))
    assert phony is not None
    assert set(phony[1].split()) == explained


def test_containers_wait_for_what_they_need_and_hold_no_secret() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    assert {"server", "worker", "postgres", "redis"} == set(services)
    for name, service in services.items():
        for value in service.get("environment", {}).values():
            assert "password" not in str(value).lower() or "${" in str(value), name
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, (name, needed)


def test_every_page_is_in_the_navigation() -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    listed = set(paths_in(config["project"]["nav"]))
    present = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert listed == present


def paths_in(entry: Any) -> Iterator[str]:
    """Every page that a navigation names."""
    if isinstance(entry, str):
        yield entry
    else:
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from paths_in(inner)


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_decision_has_its_parts() -> None:
    parts = ("## Context", "## Decision", "## Consequences", "## Alternatives")
    for page in (DOCS / "decisions").glob("[0-9]*.md"):
        text = page.read_text("utf-8")
        assert [part for part in parts if part not in text] == [], page.name


def test_the_settings_that_wait_for_a_restart_are_named() -> None:
    text = (DOCS / "how-to/change-settings.md").read_text("utf-8")
    said = re.search(r"\*\*at once\*\*\.(.*?)\*\*after a\s+restart\*\*", text, re.DOTALL)
    assert said is not None
    waiting = [name for name, one in owned.OWNED.items() if one.effective == "restart"]
    assert sorted(re.findall(r"`(\w+)`", said[1])) == sorted(waiting)
