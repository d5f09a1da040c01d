"""What a process that works beside the server does first: it bounds itself and keeps the pipe to the server clean."""

import os
from typing import BinaryIO


def bound(memory_mb: int, cpu_s: int, *, nice: int) -> None:
    """Bound memory and time, leave no core dumps, let the server go first. Where the system has no limits there are none."""
    try:
        import resource
    except ImportError:
        return
    size = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(nice)


def take_output() -> BinaryIO:
    """The pipe to the server; what libraries print does not get into it."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return pipe
