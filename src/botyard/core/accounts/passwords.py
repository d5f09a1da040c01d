"""Passwords: slow hashes, computed in a few threads of their own, never on the event loop."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NewType, TypeVar

from pwdlib import PasswordHash as Hasher
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from botyard.core.accounts.errors import PasswordTooWeak
from botyard.kit import clock
from botyard.kit.errors import Overloaded

PasswordHash = NewType("PasswordHash", str)
Result = TypeVar("Result")

MIN_LENGTH, MAX_LENGTH = 8, 1024
# One thread per core bounds the memory too: cores x 19 MiB, however many people sign in at once.
THREADS = os.cpu_count() or 1
MAX_WAITING = 200  # some ten seconds of work; whoever comes after that hears it at once


@dataclass(frozen=True)
class Cost:
    """How much work a hash is."""

    memory_kib: int = 19 * 1024  # OWASP's least for argon2id with two passes; 27-45 ms on a small server
    passes: int = 2

    def hasher(self) -> Hasher:
        """What makes hashes of this cost."""
        return Hasher((Argon2Hasher(time_cost=self.passes, memory_cost=self.memory_kib, parallelism=1),))

    def unmatchable(self) -> str:
        """A hash of nothing, so that an unknown user costs what a known one does."""
        salt, digest = (b64encode(clock.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
        return f"$argon2id$v=19$m={self.memory_kib},t={self.passes},p=1${salt}${digest}"


COST = Cost()
NOBODY = COST.unmatchable()
_hasher = COST.hasher()
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
_waiting = 0
_computed = 0


@contextmanager
def use(cost: Cost) -> Iterator[None]:
    """Let new hashes cost this much in the whole process until the block ends: for tests, whose passwords guard nothing."""
    global NOBODY, _hasher
    before = NOBODY, _hasher
    NOBODY, _hasher = cost.unmatchable(), cost.hasher()
    try:
        yield
    finally:
        NOBODY, _hasher = before


def check_rules(password: str) -> None:
    """Raises PasswordTooWeak unless the length is within the rule that every document shares."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordTooWeak(f"A password needs {MIN_LENGTH} to {MAX_LENGTH} characters.")


async def hash(password: str) -> PasswordHash:  # noqa: A001 - read as passwords.hash
    """The slow hash of a new password. Raises PasswordTooWeak, or Overloaded in a flood of sign-ins.

    Call it before the first statement of a writing transaction: it takes tens of milliseconds.
    """
    check_rules(password)
    return PasswordHash(await _compute(lambda: _hasher.hash(_encode(password))))


async def verify(password_hash: str | None, password: str) -> tuple[bool, PasswordHash | None]:
    """Whether it is the password, and a new hash where the stored one has older parameters.

    Without a stored hash (an unknown user) it works just as long and answers no.
    """
    known = password_hash is not None
    right, renewed = await _compute(lambda: _verify(password_hash, password))
    return right and known, PasswordHash(renewed) if renewed and known else None


def computed() -> int:
    """How many slow hashes this process has computed; for metrics and for tests of equal effort."""
    return _computed


def _verify(stored: str | None, password: str) -> tuple[bool, str | None]:
    try:
        return _hasher.verify_and_update(_encode(password[: MAX_LENGTH + 1]), stored or NOBODY)
    except UnknownHashError:
        return False, None


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


async def _compute(work: Callable[[], Result]) -> Result:
    global _waiting, _computed
    if _waiting >= MAX_WAITING:
        raise Overloaded("Too many people sign in right now; try again in a moment.", retry_after_s=5)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
        _computed += 1
