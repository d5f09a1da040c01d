"""Writes src/chatbots_platform/_sync from _async: the same client without asyncio.

`python generate_sync.py --check` only says whether it is up to date. Needs ruff, for the layout.
"""

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "chatbots_platform"
CHANGES = [
    (r"\bimport asyncio\n", "import threading\nimport time\n"),
    (r"\basyncio\.Lock\b", "threading.Lock"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b_async\b", "_sync"),
    (r"\ba(close|closing|read|iter_bytes)\b", r"\1"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (
        r"The client for asyncio\. The blocking one is made from it by generate_sync\.py\.",
        "The blocking client. Made from _async by generate_sync.py; change it there.",
    ),
]


def blocking(source: str) -> str:
    """The same module without asyncio, in the house format and without imports that are not needed."""
    for pattern, replacement in CHANGES:
        source = re.sub(pattern, replacement, source)
    source = ruff(source, "check", "--fix", "--unsafe-fixes", "--quiet", "--select", "F401,I,UP028")
    return ruff(source, "format", "--quiet")


def ruff(source: str, *command: str) -> str:
    """What ruff makes of it."""
    name = str(PACKAGE / "_sync" / "module.py")
    program = [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"]
    return subprocess.run(program, input=source, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """0, or 1 when a checked file is not what this makes."""
    stale = []
    for path in sorted((PACKAGE / "_async").glob("*.py")):
        target = PACKAGE / "_sync" / path.name
        text = blocking(path.read_text("utf-8"))
        if "--check" not in sys.argv:
            target.write_text(text, "utf-8")
        elif not target.exists() or target.read_text("utf-8") != text:
            stale.append(target.name)
    for name in stale:
        print(f"_sync/{name} is not what _async makes: run generate_sync.py.")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
