"""How much memory could be taken without harm: what the machine has left, within the limit of a container."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # version 2, where a container sees its own


def available_mb(meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int:
    """MiB; none where the system does not say."""
    try:
        free = _fields(meminfo)["MemAvailable"] // 1024
    except (OSError, KeyError, ValueError):
        return 0
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        # pages of files that nobody looks at count as used, but are given up at once
        idle = _fields(group / "memory.stat").get("inactive_file", 0)
        return min(free, (int(limit) - int(used) + idle) // 1024**2)
    except (OSError, ValueError):  # no such limit: it says `max`, or there is no group
        return free


def _fields(path: Path) -> dict[str, int]:
    lines = [line.split() for line in path.read_text().splitlines()]
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
