"""The process dies without a warning: what it answered is there, and nothing twice."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botyard.core.ingest import Writer
from botyard.kit.db import Stores
from tests.core.ingest.lines import append

_SENDER = """
import asyncio, sys
from pathlib import Path
from botyard.core.ingest import Writer
from botyard.kit.db import Stores

async def send(writer, name):
    for number in range(10**6):
        text = f"{name}-{number}"
        await writer.run(lambda tx: tx.once("crash", text, text) and tx.append("lines", [{"bot_id": "a", "text": text}]))
        sys.stdout.write(text + "\\n")
        sys.stdout.flush()

async def main():
    writer = Writer(Stores.at(sys.argv[1], Path(sys.argv[2])), max_rows=1000)
    await writer.start()
    await asyncio.gather(*[send(writer, f"{sys.argv[3]}.{name}") for name in range(16)])

asyncio.run(main())
"""


async def _send_until_killed(stores: Stores, folder: Path, round_number: int, after: int) -> list[str]:
    """What a sender was answered until it was killed in the middle of its work."""
    url = stores.main.render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SENDER, url, str(folder), str(round_number), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    answered = [(await process.stdout.readline()).decode().strip() for _ in range(after)]
    process.kill()
    rest = (await process.stdout.read()).decode().split("\n")[:-1]  # the last one may be half a line
    await process.wait()
    return answered + rest


@pytest.mark.faults
async def test_kill_loses_nothing_that_was_answered(
    stores: Stores,
    lines: Callable[[], list[tuple[Any, ...]]],
    make_writer: Callable[..., Any],
    tmp_path: Path,
) -> None:
    answered: list[str] = []
    for round_number, after in enumerate((40, 333, 150)):
        answered += await _send_until_killed(stores, tmp_path, round_number, after)
    writer: Writer = await make_writer()
    await writer.run(append("after the crash"))
    stored = Counter(row[2] for row in lines())
    assert len(answered) >= 523
    assert [text for text in answered if text not in stored] == []
    assert [text for text, times in stored.items() if times > 1] == []
    assert stored["after the crash"] == 1
