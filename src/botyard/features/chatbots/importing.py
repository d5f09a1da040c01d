"""Bringing a file of another program into a dataset and the draft of a chatbot, and taking both out again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from botyard.features.chatbots import beginnings, datasets, example_table
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.content import Content, Entity, Settings
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import Exported, Imported, Note, Project
from botyard.features.chatbots.formats.process import FileRead, Files
from botyard.features.chatbots.freezing import IMPORTING
from botyard.features.chatbots.models import Dataset
from botyard.kit import ids
from botyard.kit.db import Database, Session
from botyard.kit.errors import Invalid

Item = TypeVar("Item")
BATCH = 5000  # examples of one transaction: a quarter of a second of SQLite's writer


class ImportResult(Struct, kw_only=True):
    """What an import did; `known` examples an existing dataset had already, with the same intent.

    `first_line` was taken for a header and left out, though it might be an example.
    """

    dataset_id: str
    chatbot_id: str | None
    format: str
    added: int
    known: int
    intents: int
    report: list[Note] = field(default_factory=list)
    first_line: NewExample | None = None


class Target(Struct, kw_only=True, frozen=True):
    """Where an import goes: a dataset that is extended or made, and a chatbot's draft, if one is named."""

    dataset_id: str = ""  # empty: a new one
    chatbot_id: str = ""
    name: str = ""  # of a new dataset; empty: the file's
    replace: bool = False  # what the draft says by the same name; else the draft's own stays
    format: str = ""  # empty: detected
    filename: str = ""


class Progress:
    """Who is told how far an import is; this one tells nobody."""

    async def __call__(self, done: int, total: int) -> None:
        """So many of so many examples are in."""


async def import_into(
    db: Database,
    owner_id: int,
    data: bytes,
    target: Target,
    *,
    key: str = "",
    progress: Progress | None = None,
) -> ImportResult:
    """Import a file; call it outside of any transaction.

    Examples go in by thousands, each with a commit of its own. With the same `key` an interrupted import goes on
    where it stopped. Raises Invalid, NoSuchDataset, NoSuchChatbot before anything is stored.
    """
    key = key or ids.new("import")
    tell = progress or Progress()
    async with db.reader() as session:
        if target.chatbot_id:
            await chatbots.get(session, target.chatbot_id, owner_id=owner_id)
        if target.dataset_id:
            await datasets.get(session, target.dataset_id, owner_id=owner_id)
    read = await preview(db, owner_id, data, filename=target.filename, format=target.format)
    if read.empty:
        raise Invalid(_nothing(read.imported))
    dataset_id = await _begin(db, owner_id, read.imported, target, key)
    added = await _add(db, owner_id, dataset_id, read, key, tell, bool(target.dataset_id))
    async with db.session() as session:
        await _end(session, owner_id, dataset_id, read.imported, target)
    return ImportResult(
        dataset_id=dataset_id,
        chatbot_id=target.chatbot_id or None,
        format=read.imported.format,
        added=added,
        known=read.count - added,
        intents=read.intents,
        report=read.imported.report,
        first_line=read.imported.first_line,
    )


async def preview(
    db: Database, owner_id: int, data: bytes, *, filename: str = "", format: str = ""  # noqa: A002 - the word for it
) -> FileRead:  # fmt: skip
    """What an import would bring, without storing anything. Raises Invalid."""
    return await Files.of(db).read(data, owner_id=owner_id, filename=filename, format=format)


async def export(
    db: Database,
    owner_id: int,
    format: str,  # noqa: A002 - the word for it
    *,
    dataset_id: str,
    chatbot_id: str = "",
) -> Exported:
    """A dataset, and the draft of a chatbot where one is named, as a file. Raises Invalid, NotFound."""
    async with db.reader() as session:
        dataset = await datasets.get(session, dataset_id, owner_id=owner_id)
        content = None
        if chatbot_id:
            content, _ = await chatbots.read_content(session, chatbot_id, owner_id=owner_id)
        extras = {key: value for key, value in dataset.extras.items() if key != IMPORTING}
        if content is None and "entities" in extras:
            content = Content(language=dataset.language, entities=_entities(extras))
        project = Project(
            name=dataset.name,
            description=dataset.description or "",
            language=dataset.language,
            responses=dataset.responses,
            content=content,
            extras={key: value for key, value in extras.items() if key != "entities"},
        )
        examples = _examples_of(session, dataset_id)
        return await Files.of(db).write(format, project, examples, owner_id=owner_id)


async def _examples_of(session: Session, dataset_id: str) -> AsyncIterator[Sequence[NewExample]]:
    async for piece in example_table.whole(session, dataset_id):
        yield [example for _, example in piece]


async def _begin(db: Database, owner_id: int, imported: Imported, target: Target, key: str) -> str:
    """The dataset, made where none is named; a second begin of the same import finds it."""
    if target.dataset_id:
        return target.dataset_id
    dataset_id = ids.of("ds", hashlib.sha256(f"{owner_id}:{key}".encode()).digest())
    async with db.session() as session:
        if await session.get(Dataset, dataset_id) is None:
            await datasets.create(
                session,
                owner_id=owner_id,
                dataset_id=dataset_id,
                name=target.name or imported.name or _stem(target.filename) or "Imported",
                description=imported.description or None,
                language=imported.language,
            )
    return dataset_id


async def _add(
    db: Database, owner_id: int, dataset_id: str, read: FileRead, key: str, tell: Progress, skip_known: bool
) -> int:
    """Put the examples in; how far it is stands in the dataset, in the same transactions."""
    start = added = 0
    while start < read.count:
        async with db.session() as session:
            dataset = await datasets.hold(session, dataset_id, owner_id=owner_id)
            mark = dataset.extras.get(IMPORTING) or {}
            if mark.get("key") == key and mark["done"] > start:  # an earlier run came further
                start, added = mark["done"], mark["added"]
                continue
            for piece in _batch(read.examples(start)):
                added += await datasets.add_examples(
                    session, dataset_id, owner_id=owner_id, examples=piece, source="import", skip_known=skip_known
                )  # fmt: skip
                start += len(piece)
            dataset.extras = dataset.extras | {IMPORTING: {"key": key, "done": start, "added": added}}
        await tell(start, read.count)
    return added


def _batch(pieces: Iterable[Sequence[NewExample]]) -> Iterable[Sequence[NewExample]]:
    """As many of the pieces as one transaction takes."""
    count = 0
    for piece in pieces:
        yield piece
        count += len(piece)
        if count >= BATCH:
            return


async def _end(session: Session, owner_id: int, dataset_id: str, imported: Imported, target: Target) -> None:
    """Responses, what training needs beside examples, and the chatbot's draft."""
    dataset = await datasets.hold(session, dataset_id, owner_id=owner_id)
    extras = {name: value for name, value in dataset.extras.items() if name != IMPORTING}
    extras = _merged(extras, imported.extras)
    content = imported.content
    if content is not None and content.entities:
        known = _entities(extras)
        extras["entities"] = msgspec.to_builtins(_joined_entities(known, content.entities))
    responses = {**imported.responses, **dataset.responses}
    await datasets.update(session, dataset_id, owner_id=owner_id, responses=responses, extras=extras)
    if target.chatbot_id:
        await beginnings.adopt(session, target.chatbot_id, dataset_id, owner_id=owner_id)
    if target.chatbot_id and content is not None:
        draft, revision = await chatbots.read_content(session, target.chatbot_id, owner_id=owner_id)
        merged = await asyncio.to_thread(merge, draft, content, replace=target.replace)
        await chatbots.save_content(session, target.chatbot_id, merged, owner_id=owner_id, revision=revision)


def merge(draft: Content, brought: Content, *, replace: bool = False) -> Content:
    """A draft with what an import brought; of two by the same name the draft's stays, unless `replace`."""
    merged = contents.read(contents.write(draft))
    for section in ("intents", "entities", "slots", "responses"):
        ours, theirs = getattr(merged, section), getattr(brought, section)
        setattr(merged, section, {**ours, **theirs} if replace else {**theirs, **ours})
    flows = {flow.id: flow for flow in merged.flows}
    flows = {**flows, **{f.id: f for f in brought.flows if replace or f.id not in flows}}
    merged.flows = list(flows.values())
    merged.rules = _joined(merged.rules, brought.rules)
    if merged.settings == Settings():
        merged.settings = brought.settings
    else:
        for name in ("greeting", "fallback"):
            if replace or not getattr(merged.settings, name):
                value = getattr(brought.settings, name) or getattr(merged.settings, name)
                setattr(merged.settings, name, value)
    if draft == Content():
        merged.language, merged.languages = brought.language, brought.languages
    return contents.read(contents.write(merged))


def _entities(extras: dict[str, Any]) -> dict[str, Entity]:
    try:
        return msgspec.convert(extras.get("entities") or {}, dict[str, Entity])
    except msgspec.ValidationError:
        raise Invalid("The entities in the extras of this dataset cannot be read; correct them.") from None


def _joined_entities(ours: dict[str, Entity], theirs: dict[str, Entity]) -> dict[str, Entity]:
    joined = dict(ours)
    for name, entity in theirs.items():
        known = joined.get(name, Entity())
        values = {value: list(synonyms) for value, synonyms in known.values.items()}
        for value, synonyms in entity.values.items():
            values[value] = list(dict.fromkeys([*values.get(value, []), *synonyms]))
        joined[name] = Entity(
            values=values,
            patterns=list(dict.fromkeys([*known.patterns, *entity.patterns])),
            roles=list(dict.fromkeys([*known.roles, *entity.roles])),
        )
    return joined


def _merged(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Objects are joined key by key, lists one after the other without repeating."""
    merged = dict(ours)
    for key, value in theirs.items():
        there = merged.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            merged[key] = _merged(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            merged[key] = _joined(there, value)
        else:
            merged[key] = value
    return merged


def _joined(ours: list[Item], theirs: list[Item]) -> list[Item]:
    """Both lists without what would be in it twice; thousands of entries take no longer than to write them."""
    known = {msgspec.json.encode(each) for each in ours}
    return ours + [each for each in theirs if msgspec.json.encode(each) not in known]


def _nothing(imported: Imported) -> str:
    lost = next((f": {note.what}. {note.why}" for note in imported.report if note.kind == "not_mapped"), ".")
    return f"The file holds nothing that can be imported{lost}"[:500]


def _stem(filename: str) -> str:
    name = filename.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return "".join(sign for sign in name if sign.isprintable()).strip()[:200]
