"""Static files: what is vendored is listed and unchanged, templates use what there is."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import meta

from botyard.web.assets import STATIC, asset, icon
from botyard.web.rendering import TEMPLATES
from tests.web.person import Html, People, Person

VENDOR = STATIC / "vendor"
VERSIONS = json.loads((VENDOR / "VERSIONS.json").read_text())
FOLDER = Path(str(TEMPLATES.loader.searchpath[0]))  # type: ignore[union-attr]
SOURCES = {str(path.relative_to(FOLDER)): path.read_text() for path in sorted(FOLDER.rglob("*.html"))}


def test_every_vendored_file_is_listed_with_its_hash() -> None:
    listed = {name: digest for entry in VERSIONS.values() for name, digest in entry["files"].items()}
    there = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VERSIONS.json"
    }

    assert there == listed


@pytest.mark.parametrize("name", sorted(VERSIONS))
def test_every_vendored_package_states_version_licence_and_text(name: str) -> None:
    entry = VERSIONS[name]

    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    assert entry["licence"] in ("0BSD", "MIT", "OFL-1.1", "Apache-2.0")
    assert len((VENDOR / entry["licence_file"]).read_text()) > 200


def test_browser_files_ask_for_nothing_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css"):
            text = path.read_text()
            assert "sourceMappingURL" not in text, path
            assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//", text), path


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_templates_compile_and_hold_nothing_inline(name: str) -> None:
    TEMPLATES.get_template(name)
    source = SOURCES[name]

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|\s*safe", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_templates_include_only_what_exists(name: str) -> None:
    used = meta.find_referenced_templates(TEMPLATES.parse(SOURCES[name]))

    assert [each for each in used if each and not (FOLDER / each).is_file()] == []


def test_every_icon_in_use_is_vendored_and_every_vendored_one_is_in_use() -> None:
    code = "\n".join([*SOURCES.values(), *(path.read_text() for path in FOLDER.parent.rglob("*.py"))])
    there = {path.stem for path in (VENDOR / "icons").glob("*.svg")}

    named = {name for name in there if f'"{name}"' in code}

    assert named == there
    assert set(re.findall(r'(?:icon|empty)\("([a-z0-9-]+)"[,)]', code)) <= there


def test_icons_are_hidden_from_screen_readers() -> None:
    drawn = icon("robot")

    assert 'aria-hidden="true"' in drawn
    assert "<path" in drawn


async def test_versioned_files_are_kept_for_a_year_and_others_for_a_day(people: People) -> None:
    http = people.nobody().http

    versioned = await http.get(asset("botyard.css"))
    plain = await http.get("/static/vendor/inter.woff2")

    assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "public, max-age=86400"


async def test_pages_and_files_travel_compressed_and_pages_are_not_kept(admin: Person) -> None:
    page = await admin.http.get("/fleet")
    style = await admin.http.get(asset("vendor/tabler.min.css"))

    assert page.headers["content-encoding"] == style.headers["content-encoding"] == "gzip"
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"]


async def test_the_first_load_is_light(admin: Person, note: Callable[[str], None]) -> None:
    reply = await admin.http.get("/fleet")
    page = Html(reply.text)
    links = [str(link["href"]) for link in page.of("link")] + [str(s["src"]) for s in page.of("script")]
    total = reply.num_bytes_downloaded
    for link in sorted(set(links)):
        total += (await admin.http.get(link)).num_bytes_downloaded

    note(f"the first page of the dashboard costs {total / 1000:.0f} kB over the wire")
    assert total < 250_000
