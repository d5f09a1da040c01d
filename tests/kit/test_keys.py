"""Keys of an installation: made once, kept private, refused with words that help."""

import base64
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from botyard.kit.keys import KeyExposed, KeyFiles, KeyMissing, KeyRefused, SigningKey, key_id

GOOD = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path / "data")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_start_makes_both_keys_and_keeps_them_private(files: KeyFiles) -> None:
    before = os.umask(0)
    try:
        master, signing = files.master_keys(has_data=False), files.signing_key()
    finally:
        os.umask(before)
    assert (mode(files.folder), mode(files.master), mode(files.signing)) == (0o700, 0o600, 0o600)
    assert len(master[0]) == 32
    assert len(signing.secret) >= 32
    assert sorted(p.name for p in files.folder.iterdir()) == ["master.key", "signing.key"]


def test_later_starts_find_the_same_keys(files: KeyFiles) -> None:
    assert files.master_keys(has_data=False) == files.master_keys(has_data=True)
    assert files.signing_key() == files.signing_key(has_data=True)


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    one, other = KeyFiles(tmp_path / "one"), KeyFiles(tmp_path / "other")
    assert one.master_keys(has_data=False) != other.master_keys(has_data=False)
    assert one.signing_key() != other.signing_key()


@pytest.mark.parametrize("make", [lambda f: f.master_keys(has_data=False), lambda f: f.signing_key()])
def test_processes_that_start_together_end_with_one_key(
    files: KeyFiles, make: Callable[[KeyFiles], object]
) -> None:
    barrier, found = threading.Barrier(8), []

    def start() -> None:
        barrier.wait()
        found.append(make(files))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(one == found[0] for one in found)
    assert len(list(files.folder.iterdir())) == 1


def test_a_missing_key_beside_data_is_refused_and_not_made(files: KeyFiles) -> None:
    with pytest.raises(KeyMissing, match=r"Put the file back at .*master\.key or set BOTYARD_MASTER_KEY"):
        files.master_keys(has_data=True)
    with pytest.raises(KeyMissing, match=r"Put the file back at .*signing\.key or set BOTYARD_SECRET_KEY"):
        files.signing_key(has_data=True)
    assert not files.folder.exists()


def test_a_setting_goes_before_the_file_and_makes_none(files: KeyFiles) -> None:
    assert files.master_keys(GOOD, has_data=True) == [b"k" * 32]
    assert files.signing_key("s" * 32, has_data=True).secret == b"s" * 32
    assert not files.folder.exists()


def test_a_setting_may_name_a_second_master_key_during_a_rotation(files: KeyFiles) -> None:
    other = base64.b64encode(b"o" * 32).decode()
    assert files.master_keys(f"{GOOD}, {other}", has_data=True) == [b"k" * 32, b"o" * 32]


@pytest.mark.parametrize(
    "given",
    [
        "x",
        "not base64!",
        base64.b64encode(b"k" * 31).decode(),
        base64.b64encode(b"k" * 33).decode(),
        "k" * 32,
        ",",
        GOOD + ",x",
    ],
)
def test_a_master_key_of_another_form_is_refused(files: KeyFiles, given: str) -> None:
    with pytest.raises(KeyRefused, match="BOTYARD_MASTER_KEY") as caught:
        files.master_keys(given, has_data=True)
    assert GOOD not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe\x00", GOOD.encode() + b"\nx\n"])
def test_a_damaged_master_key_file_is_refused_and_left_alone(files: KeyFiles, content: bytes) -> None:
    files.master_keys(has_data=False)
    files.master.write_bytes(content)
    with pytest.raises(KeyRefused, match=r"master\.key"):
        files.master_keys(has_data=False)
    assert files.master.read_bytes() == content


@pytest.mark.parametrize("given", ["short", "s" * 31])
def test_a_short_signing_key_is_refused(files: KeyFiles, given: str) -> None:
    with pytest.raises(KeyRefused, match="at least 32 are needed"):
        files.signing_key(given)
    files.signing_key()
    files.signing.write_text(given)
    with pytest.raises(KeyRefused, match=r"signing\.key has .* at least 32"):
        files.signing_key()


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o620, 0o602, 0o601])
def test_a_key_that_others_can_read_or_replace_is_refused(files: KeyFiles, bits: int) -> None:
    files.master_keys(has_data=False)
    files.signing_key()
    files.master.chmod(bits)
    files.signing.chmod(bits)
    with pytest.raises(KeyExposed, match=r"chmod 600 .*master\.key"):
        files.master_keys(has_data=True)
    with pytest.raises(KeyExposed, match=r"chmod 600 .*signing\.key"):
        files.signing_key()


@pytest.mark.parametrize("bits", [0o755, 0o710, 0o702])
def test_a_folder_that_others_can_enter_is_refused(files: KeyFiles, bits: int) -> None:
    files.master_keys(has_data=False)
    files.folder.chmod(bits)
    with pytest.raises(KeyExposed, match="chmod 700"):
        files.master_keys(has_data=True)
    with pytest.raises(KeyExposed, match="chmod 700"):
        files.signing_key()


@pytest.mark.skipif(sys.platform == "win32", reason="needs another user's rights")
def test_a_key_of_another_user_is_told(files: KeyFiles) -> None:
    files.master_keys(has_data=False)
    check = (
        "import os, sys, pathlib; from botyard.kit.keys import KeyFiles, KeyRefused\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "else: pathlib.Path(sys.argv[1], 'keys').chmod(0)\n"
        "try: KeyFiles(pathlib.Path(sys.argv[1])).master_keys(has_data=True)\n"
        "except KeyRefused as error: print(error)\n"
    )
    folder = files.folder.parent
    said = subprocess.run([sys.executable, "-c", check, folder], capture_output=True, text=True, check=True)
    files.folder.chmod(0o700)
    assert "cannot be read by this user" in said.stdout


def test_replacing_the_master_key_is_one_step_and_stays_private(files: KeyFiles) -> None:
    old = files.master_keys(has_data=False)
    new = [b"n" * 32, *old]
    files.replace_master(new)
    assert files.master_keys(has_data=True) == new
    assert mode(files.master) == 0o600
    assert [p.name for p in files.folder.iterdir()] == ["master.key"]


def test_a_rotation_keeps_a_second_one_out_and_lets_go(files: KeyFiles) -> None:
    with files.rotating(), pytest.raises(KeyRefused, match="being rotated already"), files.rotating():
        raise AssertionError("two rotations at once")
    with files.rotating():
        assert mode(files.folder) == 0o700


def test_a_key_is_shown_by_its_id_only() -> None:
    key = SigningKey(b"s" * 32, key_id(b"s" * 32))
    assert "sss" not in repr(key)
    assert key.kid == key_id(b"s" * 32) != key_id(b"t" * 32)


def test_each_purpose_has_a_key_of_its_own() -> None:
    key = SigningKey(b"s" * 32, "kid")
    assert len({key.derive("a"), key.derive("b"), key.secret}) == 3
    assert key.derive("a") == key.derive("a")
