"""Copy the pinned browser files into the dashboard: `python scripts/vendor.py`.

Development only. It asks npm for the packages, so it needs npm and the network; neither users nor
tests do. Every copied file is listed in `VERSIONS.json` with version, licence and SHA-256.
"""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "src/botyard/web/static/vendor"

ICONS = """
    alert-triangle api arrow-back-up arrow-left arrow-right arrows-split ban book brand-telegram
    chart-bar check chevron-down chevron-left chevron-right chevron-up circle-check circle-x clock code copy database
    device-laptop download eye file-text flask git-branch git-compare headset history inbox
    info-circle key language layout-dashboard link list-details logout mail menu-2 message
    message-chatbot messages microphone moon pencil player-pause player-play player-stop plug
    plug-connected plus refresh robot rocket school search send settings shield-check shield-lock
    sparkles stack-2 star sun tag terminal-2 thumb-down trash upload user user-plus users
    volume webhook world x
""".split()  # noqa: SIM905 - a list of one name per line would be sixty lines


@dataclass(frozen=True)
class Package:
    """One npm package: its pinned version and which of its files become which of ours."""

    name: str
    version: str
    licence: str
    home: str
    files: dict[str, str]
    licence_file: str = ""
    notice: str = ""


MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        "https://htmx.org",
        {"dist/htmx.min.js": "htmx.min.js", "dist/ext/hx-sse.min.js": "hx-sse.min.js"},
        licence_file="LICENSE",
    ),
    Package(
        # Only the style sheet: its dist/libs holds libraries that are not open source.
        "@tabler/core",
        "1.6.1",
        "MIT",
        "https://tabler.io",
        {"dist/css/tabler.min.css": "tabler.min.css"},
        notice="Copyright 2018-2026 The Tabler Authors\nCopyright 2018-2026 codecalm.net Paweł Kuna\n\n"
        + MIT,
    ),
    Package(
        "@tabler/icons",
        "3.51.0",
        "MIT",
        "https://tabler.io/icons",
        {f"icons/outline/{name}.svg": f"icons/{name}.svg" for name in ICONS},
        licence_file="LICENSE",
    ),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        "https://rsms.me/inter",
        {"files/inter-latin-wght-normal.woff2": "inter.woff2"},
        licence_file="LICENSE",
    ),
    Package(
        # Pages of the API documents; loaded by those pages only.
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "https://swagger.io/tools/swagger-ui",
        {"swagger-ui-bundle.js": "swagger/swagger-ui-bundle.js", "swagger-ui.css": "swagger/swagger-ui.css"},
        licence_file="LICENSE",
    ),
)


def unpack(package: Package, folder: Path) -> Path:
    """The package's files in a temporary folder."""
    subprocess.run(  # noqa: S603 - the arguments are pinned above
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],  # noqa: S607 - npm is on the developer's path
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def cleaned(source: Path) -> bytes:
    """The file without what would make a browser ask for more: source map references, comments of icons."""
    content = source.read_bytes()
    if source.suffix == ".css":
        return re.sub(rb"\s*/\*# sourceMappingURL=.*?\*/\s*$", b"\n", content)
    if source.suffix == ".js":
        return re.sub(rb"\s*//# sourceMappingURL=\S+\s*$", b"\n", content)
    if source.suffix == ".svg":
        return re.sub(rb"<!--.*?-->\s*", b"", content, flags=re.S)
    return content


def copy(package: Package) -> dict[str, object]:
    """Copy the files of one package; its entry for VERSIONS.json."""
    hashes = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = unpack(package, Path(temporary))
        for source, name in package.files.items():
            target = VENDOR / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(cleaned(root / source))
            hashes[name] = hashlib.sha256(target.read_bytes()).hexdigest()
        notice = package.notice or (root / package.licence_file).read_text()
    text = f"licences/{package.name.strip('@').replace('/', '-')}.txt"
    (VENDOR / "licences").mkdir(exist_ok=True)
    (VENDOR / text).write_text(notice)
    hashes[text] = hashlib.sha256(notice.encode()).hexdigest()
    return {
        "version": package.version,
        "licence": package.licence,
        "home": package.home,
        "licence_file": text,
        "files": dict(sorted(hashes.items())),
    }


def main() -> None:
    """Replace the folder's content by what this file pins."""
    for old in sorted(VENDOR.rglob("*"), reverse=True):
        old.unlink() if old.is_file() else old.rmdir()
    VENDOR.mkdir(parents=True, exist_ok=True)
    versions = {package.name: copy(package) for package in PACKAGES}
    (VENDOR / "VERSIONS.json").write_text(json.dumps(versions, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
