"""Reading a growing file: whole lines, each once, whatever happens to the file."""

import os
from pathlib import Path

import pytest

from botyard_agent.tail import MAX_LINE, Position, Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def everything(tail: Tail) -> list[bytes]:
    """All lines that can be had now; several empty rounds, because rotation is believed only at second sight."""
    lines: list[bytes] = []
    empty = 0
    while empty < 4:
        more = tail.read()
        empty = 0 if more else empty + 1
        lines += more
    return lines


def resumed(path: Path, tail: Tail) -> Tail:
    """A tail as the next run of the agent has it."""
    assert tail.position is not None
    tail.close()
    return Tail(path, Position.load(tail.position.dump()))


def test_lines_are_handed_out_once_and_only_when_complete(log: Path) -> None:
    tail = Tail(log)
    assert tail.read() == []
    append(log, "one\ntwo\nthr")
    assert tail.read() == [b"one", b"two"]
    assert tail.read() == []
    append(log, "ee\n\nfour\n")
    assert tail.read() == [b"three", b"", b"four"]
    tail.close()


def test_reading_goes_on_where_the_last_run_stopped(log: Path) -> None:
    tail = Tail(log)
    append(log, "one\ntwo\n")
    everything(tail)
    append(log, "three\n")

    tail = resumed(log, tail)

    assert everything(tail) == [b"three"]
    assert tail.notes == []
    tail.close()


def test_only_what_comes_is_read_when_asked(log: Path) -> None:
    append(log, "old\n")
    tail = Tail(log, from_end=True)
    assert everything(tail) == []
    append(log, "new\n")
    assert everything(tail) == [b"new"]
    tail.close()


def test_a_file_that_comes_later_is_read_from_its_beginning(log: Path) -> None:
    tail = Tail(log)
    assert everything(tail) == []
    assert tail.position is None
    append(log, "hello\n")
    assert everything(tail) == [b"hello"]
    tail.close()


def test_a_file_that_cannot_be_read_is_told_once(log: Path) -> None:
    log.mkdir()
    tail = Tail(log)
    everything(tail)
    assert tail.notes == ["app.log cannot be read (Is a directory); trying again until it can."]
    log.rmdir()
    append(log, "now\n")
    assert everything(tail) == [b"now"]
    tail.close()


def test_rotation_by_renaming_loses_nothing(log: Path) -> None:
    tail = Tail(log)
    append(log, "one\n")
    everything(tail)
    append(log, "two\nlast without its end")
    log.rename(log.with_name("app.log.1"))
    append(log, "three\n")

    assert everything(tail) == [b"two", b"last without its end", b"three"]
    assert tail.notes == []
    tail.close()


def test_a_writer_may_finish_in_the_old_file_after_rotation(log: Path) -> None:
    append(log, "one\n")
    tail = Tail(log)
    everything(tail)
    with log.open("ab") as old:
        log.rename(log.with_name("app.log.1"))
        append(log, "three\n")
        assert tail.read() == []
        old.write(b"two\n")
    assert everything(tail) == [b"two", b"three"]
    tail.close()


def test_no_current_file_yet_after_rotation_is_waited_for(log: Path) -> None:
    append(log, "one\n")
    tail = Tail(log)
    everything(tail)
    log.rename(log.with_name("app.log.1"))
    assert everything(tail) == []
    append(log, "two\n")
    assert everything(tail) == [b"two"]
    tail.close()


def test_several_rotations_while_the_agent_was_down_lose_nothing(log: Path) -> None:
    append(log, "one\n")
    tail = Tail(log)
    everything(tail)
    append(log, "two\n")
    moment = 1_780_000_000_000_000_000
    for age in range(1, 4):  # what was app.log becomes .1, .1 becomes .2 …
        for number in range(age, 0, -1):
            old = log.with_name(f"app.log.{number - 1}") if number > 1 else log
            old.rename(log.with_name(f"app.log.{number}"))
        append(log, f"rotation {age}\n")
        os.utime(log, ns=(moment + age * 10**9,) * 2)
    os.utime(log.with_name("app.log.3"), ns=(moment, moment))

    tail = resumed(log, tail)

    assert everything(tail) == [b"two", b"rotation 1", b"rotation 2", b"rotation 3"]
    assert tail.notes == []
    tail.close()


def test_a_file_rotated_out_of_reach_is_told(log: Path) -> None:
    append(log, "one\n")
    tail = Tail(log)
    everything(tail)
    log.rename(log.with_name("app.log.gz"))
    append(log, "a wholly different beginning\n")

    tail = resumed(log, tail)

    assert everything(tail) == [b"a wholly different beginning"]
    assert "rotated away" in tail.notes[0]
    tail.close()


def test_truncation_is_noticed(log: Path) -> None:
    append(log, "one\ntwo\nthree\n")
    tail = Tail(log)
    everything(tail)
    log.write_bytes(b"new\n")

    assert everything(tail) == [b"new"]
    assert "truncated" in tail.notes[0]
    tail.close()


def test_truncation_is_noticed_even_when_the_file_is_longer_again(log: Path) -> None:
    append(log, "2026-06-01 one\n")
    tail = Tail(log)
    everything(tail)
    log.write_bytes(b"2026-06-02 two\n2026-06-02 three\n")

    assert everything(tail) == [b"2026-06-02 two", b"2026-06-02 three"]
    tail.close()


def test_a_reused_inode_is_not_taken_for_the_old_file(log: Path) -> None:
    append(log, "one\ntwo\n")
    tail = Tail(log)
    everything(tail)
    assert tail.position is not None
    position = tail.position
    tail.close()
    log.unlink()
    append(log, "other contents, more of them\nand more\n")
    stat = log.stat()
    pretended = position._replace(device=stat.st_dev, inode=stat.st_ino)

    tail = Tail(log, pretended)

    assert everything(tail) == [b"other contents, more of them", b"and more"]
    tail.close()


def test_a_link_that_moves_on_is_followed(log: Path, tmp_path: Path) -> None:
    append(tmp_path / "day1", "one\n")
    log.symlink_to(tmp_path / "day1")
    tail = Tail(log)
    everything(tail)
    append(tmp_path / "day2", "two\n")
    log.unlink()
    log.symlink_to(tmp_path / "day2")

    assert everything(tail) == [b"two"]
    tail.close()


def test_an_endless_line_comes_in_pieces_of_whole_characters(log: Path) -> None:
    text = ("é" * (MAX_LINE * 3)).encode()
    append(log, b"x" + text)
    tail = Tail(log)
    pieces = everything(tail)
    append(log, b"\nnext\n")
    pieces += everything(tail)

    assert b"".join(pieces[:-1]) == b"x" + text
    assert pieces[-1] == b"next"
    assert max(len(piece) for piece in pieces) <= MAX_LINE
    for piece in pieces:
        piece.decode()
    tail.close()


def test_a_long_complete_line_comes_in_pieces_too(log: Path) -> None:
    append(log, b"y" * (MAX_LINE * 2 + 5) + b"\nz\n")
    tail = Tail(log)

    assert [len(piece) for piece in everything(tail)] == [MAX_LINE, MAX_LINE, 5, 1]
    tail.close()


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "[1]", '{"device": 1, "inode": 2, "offset": -1, "mark": ""}']
)
def test_a_position_that_is_none_is_no_position(text: str) -> None:
    assert Position.load(text) is None
