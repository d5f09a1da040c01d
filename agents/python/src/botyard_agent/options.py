"""The numbers of an agent, each with the value that suits most bots."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How long, how often, how much."""

    # a command that is not renewed for so long may be given to the bot again
    lease_s: float = 60.0
    # how long the server holds a call for commands open when there are none
    wait_s: float = 25.0
    # a sign of life when nothing else was sent; servers call a bot offline after 60 s
    presence_s: float = 30.0
    # a batch of logs or messages leaves when it has so many rows, or its first is so old
    batch_rows: int = 200
    batch_s: float = 1.0
    batch_bytes: int = 512 * 1024
    # what is kept on disk while the server is away; then the oldest go
    spool_bytes: int = 64 * 1024 * 1024
    # what is kept in memory while the disk is slow; then the oldest go
    queue_rows: int = 10_000
    queue_bytes: int = 16 * 1024 * 1024
    # pauses between attempts: full jitter between nothing and a ceiling that doubles from the first to the second
    backoff_s: tuple[float, float] = (0.5, 60.0)
    # what running commands and the last logs have to finish when the bot is stopped
    grace_s: float = 10.0
