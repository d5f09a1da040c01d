"""Archives from outside, read into memory within bounds, and archives for outside that are always the same."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from botyard.kit.errors import Invalid

MAX_FILES = 20_000  # an agent of Dialogflow has two for each of its intents
MAX_FILE = 32 * 1024 * 1024
MAX_UNPACKED = 128 * 1024 * 1024
_CHUNK = 256 * 1024
_TAR_ROOM = MAX_UNPACKED + MAX_FILES * 1024  # with the heads of files and what fills their last blocks
_ZIP_ENTRY = b"PK\x01\x02"  # begins each line of a zip's table of contents
_ENCRYPTED = 0x1
_SKIPPED = ("__MACOSX", ".git", "node_modules", ".DS_Store")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_zip(data: bytes) -> bool:
    """Whether these bytes begin as a zip file does."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def is_tgz(data: bytes) -> bool:
    """Whether these bytes begin as a compressed tar file does."""
    return data[:3] == b"\x1f\x8b\x08"


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a zip or tgz by their paths, without a folder that all of them are in.

    Nothing is written anywhere. Raises Invalid for what is broken, encrypted, too large unpacked, or names files
    outside of the archive.
    """
    try:
        files = dict(_zip_files(data) if is_zip(data) else _tar_files(data))
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,  # both are what zipfile makes of places and extras that cannot be
        IndexError,
    ):
        raise Invalid(
            "The archive is damaged or of a kind that cannot be read; pack it again as zip."
        ) from None
    return _without_common_folder(files)


def packed(files: dict[str, bytes]) -> bytes:
    """A zip of these files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _zip_files(data: bytes) -> Iterator[tuple[str, bytes]]:
    room = MAX_UNPACKED
    # Before a million lines are read; files within files have some, too.
    _check_count(data.count(_ZIP_ENTRY) // 2)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        _check_count(len(entries))
        for entry in entries:
            name = _path(entry.filename)
            if entry.is_dir() or _skipped(name):
                continue
            if entry.flag_bits & _ENCRYPTED:
                raise Invalid("The archive is encrypted; pack it again without a password.")
            with archive.open(entry) as file:
                content = _read(file, name, room)
            room -= len(content)
            yield name, content


def _tar_files(data: bytes) -> Iterator[tuple[str, bytes]]:
    room = MAX_UNPACKED
    with tarfile.open(fileobj=io.BytesIO(_gunzipped(data)), mode="r:") as archive:
        for count, entry in enumerate(archive, 1):
            _check_count(count)
            name = _path(entry.name)
            file = archive.extractfile(entry) if entry.isfile() else None  # no links, no devices
            if file is None or _skipped(name):
                continue
            content = _read(file, name, room)
            room -= len(content)
            yield name, content


def _gunzipped(data: bytes) -> bytes:
    """The tar in a tgz, whole: a head of it may say that gigabytes of names follow, and tarfile would believe it."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    tar = unpacking.decompress(data, _TAR_ROOM + 1)
    if len(tar) > _TAR_ROOM:
        raise Invalid(f"The archive has more than {MAX_UNPACKED // 1024 // 1024} MiB unpacked.")
    if not unpacking.eof:
        raise EOFError
    return tar


def _read(file: IO[bytes], name: str, room: int) -> bytes:
    """One file, counted while it unpacks: what the archive says of its size may be a lie."""
    parts, size = [], 0
    while part := file.read(_CHUNK):
        size += len(part)
        if size > MAX_FILE:
            raise Invalid(f"{name[:80]} has more than {MAX_FILE // 1024 // 1024} MiB unpacked.")
        if size > room:
            raise Invalid(f"The archive has more than {MAX_UNPACKED // 1024 // 1024} MiB unpacked.")
        parts.append(part)
    return b"".join(parts)


def _check_count(count: int) -> None:
    if count > MAX_FILES:
        raise Invalid(f"The archive holds more than {MAX_FILES:,} files.")


def _path(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name[:2] or "\x00" in name:
        raise Invalid(f"The archive names a file outside of itself ({name[:80]!r}).")
    return str(path)


def _skipped(name: str) -> bool:
    return any(part in _SKIPPED for part in name.split("/"))


def _without_common_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    while files:
        folders = {name.split("/", 1)[0] for name in files}
        if len(folders) != 1 or not all("/" in name for name in files):
            break
        if folders & {"intents", "entities", "entityTypes", "flows", "data", "domain"}:  # says what is in it
            break
        files = {name.split("/", 1)[1]: data for name, data in files.items()}
    return files
