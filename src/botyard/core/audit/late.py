"""Starts that the vault refused: without its key no entry can be chained, so they wait in a file until it opens.

Whoever can write to the data folder can write this file; what is entered from it says so by its action.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from botyard.core.audit import service as audit
from botyard.core.vault import MasterKeyWrong, VaultCorrupt
from botyard.kit import clock
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError
from botyard.kit.keys import KeyRefused

log = structlog.get_logger(__name__)

FILE = "refused-starts.jsonl"
ACTION = "vault.start_refused"
_MAX_BYTES = 20_000  # a service that is restarted for ever must not fill the disk


class Refusal(msgspec.Struct, frozen=True):
    """A start that did not happen: when, and the code of the error."""

    at: str
    reason: str


@contextmanager
def noting_refusals(data_dir: Path) -> Iterator[None]:
    """Keep it in the file when the keys of the installation are refused below; the error goes on."""
    try:
        yield
    except (MasterKeyWrong, VaultCorrupt, KeyRefused) as error:
        try:
            _keep(data_dir / FILE, error)
        except OSError as trouble:
            # The error itself says what to do; this file may be on the same broken disk.
            log.warning("refused_start_not_kept", error=str(trouble))
        raise


async def enter_refusals(db: Database, data_dir: Path) -> None:
    """Write what the file holds into the log and remove the file; a crash in between enters it twice."""
    file = data_dir / FILE
    if not file.exists():
        return
    async with db.session() as session:
        for refusal in _read(file):
            details = {"at": refusal.at, "reason": refusal.reason}
            await audit.record(session, actor=None, action=ACTION, details=details)
    file.unlink(missing_ok=True)


def _keep(file: Path, error: BotyardError) -> None:
    if file.exists() and file.stat().st_size > _MAX_BYTES:
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        out.write(json.dumps({"at": clock.rfc3339(clock.now()), "reason": error.code}) + "\n")


def _read(file: Path) -> Iterator[Refusal]:
    for line in file.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Refusal)
        except msgspec.MsgspecError:
            yield Refusal("", "a line that is no refusal")
