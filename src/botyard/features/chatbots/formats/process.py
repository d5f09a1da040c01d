"""Reading and writing files beside the server, in a process for each, bounded in memory and time.

Files come from strangers: one that is slow to read, or that a parser stumbles over, costs whoever sent it an error.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import structlog

from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import wire
from botyard.features.chatbots.formats.imported import MAX_INPUT, TOO_LARGE, Exported, Imported, Project
from botyard.features.chatbots.formats.wire import Order, Word
from botyard.kit import child_process
from botyard.kit.child_process import ChildProcess
from botyard.kit.db import Database
from botyard.kit.errors import BotyardError, Invalid

log = structlog.get_logger(__name__)

MEMORY_MB, CPU_S = 2048, 60
AT_ONCE = 2  # processes of all accounts together: more would take the processor from conversations
_MODULE = "botyard.features.chatbots.formats.worker"

Begin = Callable[[], Awaitable[ChildProcess]]


class ReadingBroke(BotyardError):
    """The process that read or wrote the file ended early; do it again."""

    code = "reading_broke"


@dataclass(frozen=True, slots=True)
class FileRead:
    """What a file holds. Its examples stay packed until they are wanted: there may be a hundred thousand."""

    imported: Imported  # without its examples
    count: int
    intents: int
    pieces: list[bytes] = field(repr=False)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to import."""
        return not self.count and self.imported.content is None

    def examples(self, start: int = 0) -> Iterator[Sequence[NewExample]]:
        """The examples from the one at `start`, in pieces that hold up nobody."""
        skipped, rest = divmod(start, wire.PIECE)
        for at, body in enumerate(self.pieces[skipped:]):
            yield wire.piece(body)[0 if at else rest :]


class Files:
    """Reads and writes files for this server. A part of `Database.parts`; each account has one turn at a time."""

    def __init__(self, *, memory_mb: int = MEMORY_MB, cpu_s: int = CPU_S, begin: Begin | None = None) -> None:
        self._limits = str(memory_mb), str(cpu_s)
        self._begin = begin or self._start
        self._room = asyncio.Semaphore(AT_ONCE)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    def of(cls, db: Database) -> "Files":
        """The one of this process."""
        found = db.parts.find(cls)
        if found is None:
            db.parts.add(found := cls())
        return found

    async def read(self, data: bytes, *, owner_id: int, filename: str = "", format: str = "") -> FileRead:  # noqa: A002 - the word for it
        """What the bytes hold; the format is detected unless it is named.

        Raises Invalid for what is no file that can be imported, or takes too much to read; ReadingBroke.
        """
        if len(data) > MAX_INPUT:
            raise Invalid(f"An import has at most {MAX_INPUT // 1024 // 1024} MiB; divide it.")
        if not data.strip():
            raise Invalid("The file is empty.")
        async with self._turn(owner_id), self._working() as child:
            await child.send(wire.packed(Order(what="read", filename=filename, format=format)))
            await child.send(data)
            word = _good(wire.word(await child.receive()))
            assert word.imported is not None
            pieces = [await child.receive() for _ in range(word.pieces)]
            return FileRead(word.imported, word.examples, word.intents, pieces)

    async def write(
        self, format: str, project: Project, examples: AsyncIterator[Sequence[NewExample]], *, owner_id: int  # noqa: A002
    ) -> Exported:  # fmt: skip
        """A project, given without its examples, as a file with them. Raises Invalid, ReadingBroke."""
        async with self._turn(owner_id), self._working() as child:
            await child.send(wire.packed(Order(what="write", format=format, project=project)))
            async for piece in examples:
                await child.send(wire.packed(piece))
            await child.send(wire.packed([]))
            word = _good(wire.word(await child.receive()))
            assert word.exported is not None
            return word.exported

    @asynccontextmanager
    async def _turn(self, owner_id: int) -> AsyncIterator[None]:
        turn = self._turns.get(owner_id)
        if turn is None:
            turn = self._turns[owner_id] = asyncio.Lock()
        async with turn, self._room:
            yield

    async def _start(self) -> ChildProcess:
        return ChildProcess(await child_process.begin(_MODULE, *self._limits))

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[ChildProcess]:
        """A process that ends with this block. Raises Invalid where it ran out of its time, ReadingBroke."""
        child = await self._begin()
        try:
            yield child
        except (EOFError, OSError, ValueError):
            printed = await child.close()
            status = child.process.returncode
            log.warning("file_process_ended_early", status=status, printed=printed)
            if status == -signal.SIGXCPU:
                raise Invalid(TOO_LARGE) from None
            raise ReadingBroke from None
        finally:
            await child.close()


def _good(word: Word) -> Word:
    if word.what == "refused":
        raise Invalid(word.note, details=word.details)
    if word.what == "failed":
        raise EOFError  # what it printed goes to the log
    return word
