"""Load from Debian's `wrk`, and what it cost the server."""

import os
import re
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen


@dataclass(frozen=True)
class Figures:
    """What one call of one server took."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: str = ""


def cpu_ticks(pid: int) -> int:
    """CPU time of a process so far, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def measure(pid: int, script: Path, url: str, *, seconds: int, connections: int) -> Figures:
    """Run wrk once against a running server."""
    threads = "2" if script.stem == "ack" else "1"
    before = cpu_ticks(pid)
    done = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
    )
    used = (cpu_ticks(pid) - before) * 1e6 / os.sysconf("SC_CLK_TCK")
    return read(done.stdout, used)


def read(text: str, cpu_us: float | None) -> Figures:
    """Figures from what wrk printed."""
    rate = float(re.search(r"Requests/sec: +([\d.]+)", text)[1])
    count = int((re.search(r"(\d+) requests in", text) or [0, "1"])[1])
    errors = " ".join(re.findall(r"(Non-2xx[^\n]*|Socket errors[^\n]*)", text))
    return Figures(rate, _within(50, text), _within(99, text), (cpu_us or 0) / max(count, 1), errors)


def _within(percent: int, text: str) -> float:
    """Milliseconds within which so many requests were answered."""
    found = re.search(rf" {percent}% +([\d.]+)(us|ms|s)", text)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]] if found else float("nan")


def wait_for(url: str) -> None:
    """Return when the address answers 200; RuntimeError after half a minute."""
    for _ in range(120):
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"{url} did not answer")


def middle(runs: list[dict[str, Figures]], call: str) -> Figures:
    """The median of each figure over the rounds."""
    found = [run[call] for run in runs if call in run]
    errors = next((one.errors for one in found if one.errors), "")
    return Figures(
        statistics.median(one.per_second for one in found),
        statistics.median(one.p50_ms for one in found),
        statistics.median(one.p99_ms for one in found),
        statistics.median(one.cpu_us for one in found),
        errors,
    )
