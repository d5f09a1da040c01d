"""How much memory is left: what the machine says, within the limit of a container."""

from pathlib import Path

import pytest

from botyard.kit import memory

FREE = "MemTotal:       16000000 kB\nMemAvailable:    4096000 kB\n"


def group(folder: Path, limit: str) -> Path:
    (folder / "memory.max").write_text(limit + "\n")
    (folder / "memory.current").write_text(f"{900 * 1024**2}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {100 * 1024**2}\n")
    return folder


@pytest.mark.parametrize(("limit", "left"), [("max", 4000), (str(1024**3), 224), (str(64 * 1024**3), 4000)])
def test_the_smaller_of_machine_and_container_counts(tmp_path: Path, limit: str, left: int) -> None:
    (tmp_path / "meminfo").write_text(FREE)
    assert memory.available_mb(tmp_path / "meminfo", group(tmp_path, limit)) == left


def test_without_a_container_the_machine_counts_and_without_a_word_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(FREE)
    assert memory.available_mb(tmp_path / "meminfo", tmp_path / "none") == 4000
    assert memory.available_mb(tmp_path / "missing", tmp_path / "none") == 0
