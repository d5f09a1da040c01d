"""Reads the complete lines of a growing file and always knows where it is, across rotation and truncation."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

CHUNK = 256 * 1024
# A longer line is cut into pieces; without a limit, one line could take all memory.
MAX_LINE = 32 * 1024
# How much of the head and of what was just read identifies a file: inode numbers are reused at once.
_HEAD = 256
_LAST = 64
# app.log.1, app.log-20260601, app.log.2026-06-01_12; not app.log.gz and not app.log.bak
_ROTATED = re.compile(r"[.-]\d[\d._T:-]*")


class Position(NamedTuple):
    """A place in a file: which one it is, how far it was read, and what stands before that place."""

    device: int
    inode: int
    offset: int
    mark: str

    def dump(self) -> str:
        """As text."""
        return json.dumps(self._asdict())

    @classmethod
    def load(cls, text: str) -> Position | None:
        """From text; None for what is none."""
        try:
            position = cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
        return position if isinstance(position.offset, int) and position.offset >= 0 else None


class Tail:
    """One followed file. Not for use by several threads at once."""

    def __init__(self, path: Path, position: Position | None = None, *, from_end: bool = False) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self._position = position
        self._skip_old = from_end and position is None
        self._quiet = False
        self._complaint = ""
        self.notes: list[str] = []

    @property
    def position(self) -> Position | None:
        """Up to where lines were handed out; None until the file was there."""
        return self._position

    def read(self) -> list[bytes]:
        """The next complete lines without their ends, at most 256 KiB of them; none when there are none yet.

        `notes` then holds what a reader should know: that the file was truncated, that a part is missing.
        """
        if self._file is None and not self._open():
            return []
        file, position = self._file, self._position
        assert file is not None
        assert position is not None
        size = os.fstat(file.fileno()).st_size
        if size < position.offset or (
            size > position.offset and self._mark(file, position.offset) != position.mark
        ):
            self.notes.append(f"{self._path.name} was truncated; it is read again from its beginning.")
            position = self._move(file, 0)
        lines = self._complete_lines(file, position)
        if lines:
            self._quiet = False
            return lines
        return self._at_end(file)

    def _open(self) -> bool:
        """Open the file, or an older one where reading stopped when the agent did."""
        wanted = self._position
        path = self._path if wanted is None else _find(self._path, wanted) or self._path
        try:
            self._file = file = io.FileIO(str(path), "r")
        except FileNotFoundError:
            return False
        except OSError as error:
            self._complain(f"{self._path.name} cannot be read ({error.strerror}); trying again until it can.")
            return False
        self._complaint = ""
        stat = os.fstat(file.fileno())
        if wanted is not None and (stat.st_dev, stat.st_ino) != (wanted.device, wanted.inode):
            # ours is gone
            self.notes.append(
                f"{self._path.name} was rotated away before its end was read; lines may be missing."
            )
            wanted = None
        if wanted is None:
            self._move(file, stat.st_size if self._skip_old else 0)
        self._skip_old = False
        return True

    def _complain(self, text: str) -> None:
        """Say something once, not at every look."""
        if text != self._complaint:
            self._complaint = text
            self.notes.append(text)

    def _move(self, file: io.FileIO, offset: int) -> Position:
        stat = os.fstat(file.fileno())
        self._position = Position(stat.st_dev, stat.st_ino, offset, self._mark(file, offset))
        return self._position

    def _mark(self, file: io.FileIO, offset: int) -> str:
        """A short digest of the head of the file and of what stands just before the offset."""
        digest = hashlib.sha256(_read_at(file, 0, min(_HEAD, offset)))
        digest.update(_read_at(file, max(0, offset - _LAST), min(_LAST, offset)))
        return digest.hexdigest()[:16]

    def _complete_lines(self, file: io.FileIO, position: Position) -> list[bytes]:
        chunk = _read_at(file, position.offset, CHUNK)
        end = chunk.rfind(b"\n") + 1
        if end:
            self._move(file, position.offset + end)
            return [piece for line in chunk[: end - 1].split(b"\n") for piece in _pieces(line)]
        if len(chunk) > MAX_LINE:  # no end in sight: hand out what is there
            piece = _whole_characters(chunk[:MAX_LINE])
            self._move(file, position.offset + len(piece))
            return [piece]
        return []

    def _at_end(self, file: io.FileIO) -> list[bytes]:
        """Go on to the next file when this one was rotated away. Its writer gets one more round before that:
        it may write to the old file until it has opened the new one."""
        assert self._position is not None
        successor = _successor(self._path, self._position)
        if successor is None:
            self._quiet = False
            return []
        if not self._quiet:
            self._quiet = True
            return []
        rest = _read_at(file, self._position.offset, CHUNK)
        try:
            following = io.FileIO(str(successor), "r")
        except OSError:
            return []
        file.close()
        self._file, self._quiet = following, False
        self._move(following, 0)
        return _pieces(rest) if rest else []

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _read_at(file: io.FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size) or b""


def _pieces(line: bytes) -> list[bytes]:
    pieces = []
    while len(line) > MAX_LINE:
        piece = _whole_characters(line[:MAX_LINE])
        pieces.append(piece)
        line = line[len(piece) :]
    return [*pieces, line]


def _whole_characters(piece: bytes) -> bytes:
    """Without the beginning of a UTF-8 character that the cut went through."""
    for back in range(1, min(4, len(piece))):
        byte = piece[-back]
        if byte >= 0xC0:  # the first byte of a character: does all of it stand here?
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return piece if length <= back else piece[:-back]
        if byte < 0x80:
            break
    return piece


def _siblings(path: Path) -> list[tuple[int, int, int, Path]]:
    """(device, inode, changed, path) of the rotated forms of a file, longest unchanged first, itself last."""
    found = []
    try:
        entries = list(os.scandir(path.parent))
    except OSError:
        return []
    for entry in entries:
        rest = entry.name[len(path.name) :]
        if entry.name.startswith(path.name) and (not rest or _ROTATED.fullmatch(rest)):
            try:
                stat = Path(entry.path).stat()
            except OSError:
                continue
            found.append((rest == "", stat.st_mtime_ns, stat.st_dev, stat.st_ino, Path(entry.path)))
    return [(device, inode, changed, where) for _, changed, device, inode, where in sorted(found)]


def _find(path: Path, position: Position) -> Path | None:
    """Where the file of a position is now."""
    for device, inode, _, where in _siblings(path):
        if (device, inode) == (position.device, position.inode):
            return where
    return None


def _successor(path: Path, position: Position) -> Path | None:
    """The file to read after the one of a position; None while that one is still the current file, or while
    there is no current file."""
    siblings = _siblings(path)
    if not siblings or siblings[-1][3] != path or siblings[-1][:2] == (position.device, position.inode):
        return None
    known = [(device, inode) for device, inode, _, _ in siblings]
    try:
        return siblings[known.index((position.device, position.inode)) + 1][3]
    except ValueError:
        return path
