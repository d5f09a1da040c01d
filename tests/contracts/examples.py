"""Pages of the documentation whose commands are run as they stand, in one shell."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```sh\n(?P<command>.*?)^```\n(?:\n```json\n(?P<answer>.*?)^```\n)?", re.M | re.S)
_MARK = "---- end of the answer ----"


def blocks(page: Path) -> list[tuple[str, Any]]:
    """The commands of a page, each with its answer where one is shown."""
    found = _BLOCK.finditer(page.read_text("utf-8"))
    return [(one["command"], json.loads(one["answer"]) if one["answer"] else None) for one in found]


async def disagreements(page: Path, environment: Mapping[str, str]) -> list[str]:
    """Run a page; answers the commands that printed something else than what stands below them."""
    examples = blocks(page)
    script = "".join(f"{command}\necho; echo '{_MARK}'\n" for command, _ in examples)
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, env={"PATH": "/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        output, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    answers = output.decode().split(_MARK)[:-1]
    assert len(answers) == len(examples)
    return [
        f"{command}\nanswered {printed}"
        for (command, shown), printed in zip(examples, answers, strict=True)
        if shown is not None and not fits(shown, json.loads(printed))
    ]


def fits(shown: Any, got: Any) -> bool:
    """Whether the answer is the one shown, with anything in the place of `…`."""
    if shown == "…":
        return bool(got)
    if isinstance(shown, dict):
        return (
            isinstance(got, dict)
            and shown.keys() == got.keys()
            and all(fits(v, got[k]) for k, v in shown.items())
        )
    if isinstance(shown, list):
        return isinstance(got, list) and len(shown) == len(got) and all(map(fits, shown, got))
    return bool(shown == got)
