"""Versions ready to answer: read once, kept in memory within so many bytes; those not used for longest are let go."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import msgspec
from sqlalchemy import bindparam, exists, select

from botyard.features.chatbots import artifacts, versions
from botyard.features.chatbots import content as contents
from botyard.features.chatbots.errors import NoSuchChatbot, NoSuchVersion
from botyard.features.chatbots.models import BotVersion, Chatbot, KnowledgeSource, ModelVersion
from botyard.features.chatbots.runtime.ports import Understanding
from botyard.features.chatbots.runtime.version import Type, Version
from botyard.kit import clock
from botyard.kit.db import Database

if TYPE_CHECKING:
    from botyard.features.chatbots.nlu.model import Model

T = TypeVar("T")
MiB = 1024 * 1024
VERSION_BYTES, MODEL_BYTES = 128 * MiB, 512 * MiB
# So many times its JSON a content takes in memory, measured on rules; texts take less, flows more.
_GROWTH = 12
_MOST_KNOWN = 10_000  # chatbots of which it is remembered whether they have documents
_KNOWS_S = 5.0  # so long a first document may be passed over
_HAS_SOURCES = select(exists().where(KnowledgeSource.chatbot_id == bindparam("id")))


class TrainedNlu:
    """A trained model as the runtime asks it. A message takes one to three milliseconds: no thread is worth it.

    It does not hold the model, else versions that are kept would keep what was let go. Once got, the model answers
    without giving way to anything, so none is let go while it is asked.
    """

    def __init__(self, get: Callable[[], Awaitable["Model"]]) -> None:
        self._get = get

    async def understand(self, text: str, *, now: datetime) -> Understanding:
        """Intents and entities of a message."""
        model = await self._get()
        return cast("Understanding", model.understand(text, now=now))


class Serving:
    """Where the runtime gets versions from. A part of the running process."""

    def __init__(
        self, db: Database, *, version_bytes: int = VERSION_BYTES, model_bytes: int = MODEL_BYTES
    ) -> None:
        self._db = db
        self._versions = Kept[Version](version_bytes, _size)
        self._models = Kept["Model"](model_bytes, lambda model: model.size)
        # One at a time: while it is opened, a model takes its size several times.
        self._opening = asyncio.Lock()
        self._knows: dict[str, tuple[float, bool]] = {}

    async def load(self, version_id: str) -> Version:
        """A frozen version. Raises NoSuchVersion, EncoderDiffers where its model needs another encoder."""
        version = await self._versions.get(version_id, lambda: self._read(version_id))
        return await self._knowing(version)

    async def draft(self, chatbot_id: str) -> Version:
        """The chatbot as it is being written, with the model trained last. Raises NoSuchChatbot."""
        async with self._db.reader() as session:
            row = await session.get(Chatbot, chatbot_id)
            if row is None:
                raise NoSuchChatbot
            newest = next(iter(await versions.list_models(session, chatbot_id, limit=1)), None)
            content = contents.read(row.content)
            await versions.add_answers(session, row, content)
        version = Version(
            id=None,
            chatbot_id=chatbot_id,
            type=cast("Type", row.type),
            content=content,
            nlu=None if newest is None or row.type == "rule" else await self._nlu(newest),
        )
        return await self._knowing(version)

    async def _knowing(self, version: Version) -> Version:
        """The version, saying whether the chatbot has anything to search in: where not, a turn is one commit."""
        now = clock.monotonic()
        until, knows = self._knows.get(version.chatbot_id, (0.0, False))
        if until < now:
            async with self._db.reader() as session:
                knows = bool(await session.scalar(_HAS_SOURCES, {"id": version.chatbot_id}))
            if len(self._knows) >= _MOST_KNOWN:
                self._knows.clear()  # each costs one look to know again
            self._knows[version.chatbot_id] = (now + _KNOWS_S, knows)
        return version if version.knowledge == knows else replace(version, knowledge=knows)

    async def frozen(self, row: BotVersion, model: ModelVersion | None) -> Version:
        """A version from its rows, which need not be committed yet. Raises EncoderDiffers."""
        version = Version(
            id=row.id,
            chatbot_id=row.chatbot_id,
            type=cast("Type", row.type),
            content=contents.read(row.content),
            nlu=None if model is None or row.type == "rule" else await self._nlu(model),
        )
        return await self._knowing(version)

    async def _read(self, version_id: str) -> Version:
        async with self._db.reader() as session:
            row = await session.get(BotVersion, version_id)
            if row is None:
                raise NoSuchVersion
            model = await session.get(ModelVersion, row.model_id) if row.model_id else None
        return await self.frozen(row, model)

    async def _nlu(self, model: ModelVersion) -> TrainedNlu:
        owner_id, digest = model.owner_id, model.artifact
        get = partial(self._models.get, digest, lambda: self._open(owner_id, digest))
        await get()  # what cannot be opened is found out here
        return TrainedNlu(get)

    async def _open(self, owner_id: int, digest: str) -> "Model":
        from botyard.features.chatbots.nlu import encoders
        from botyard.features.chatbots.nlu.model import Model

        async with self._opening:
            data = await artifacts.get(self._db, owner_id, digest)
            return await asyncio.to_thread(Model.from_bytes, data, encoders.installed())


def _size(version: Version) -> int:
    """About how many bytes a version takes, without its model."""
    return _GROWTH * len(msgspec.json.encode(version.content))


class Kept(Generic[T]):
    """Values by key within so many bytes, made once however many ask for one at the same time.

    The one asked for last stays, however large it is.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        self._max, self._size_of = max_bytes, size_of
        self._values: OrderedDict[str, asyncio.Future[T]] = OrderedDict()
        self._sizes: dict[str, int] = {}  # of those that are made

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return sum(self._sizes.values())

    async def get(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """The value, made where it is not there; one that could not be made is tried anew next time."""
        found = self._values.get(key)
        if found is None:
            found = self._values[key] = asyncio.ensure_future(make())
            found.add_done_callback(partial(self._made, key))
        self._values.move_to_end(key)
        return await asyncio.shield(found)

    def _made(self, key: str, future: "asyncio.Future[T]") -> None:
        """Before anybody who waits for the value goes on."""
        if future.cancelled() or future.exception() is not None:
            del self._values[key]
            return
        self._sizes[key] = self._size_of(future.result())
        self._let_go()

    def _let_go(self) -> None:
        """The ones not asked for longest; what is still being made is waited for, and weighs nothing yet."""
        last = next(reversed(self._values))
        for key in [key for key in self._values if key in self._sizes and key != last]:
            if self.size <= self._max:
                return
            del self._values[key], self._sizes[key]
