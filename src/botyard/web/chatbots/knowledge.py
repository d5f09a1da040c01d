"""What a chatbot answers from: its documents with their states, adding some, and trying what it would answer."""

from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session, Stores
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.knowledge import sources
from botyard.features.chatbots.knowledge.documents import MAX_BYTES, MAX_PDF_BYTES
from botyard.features.chatbots.knowledge.errors import NoSuchSource
from botyard.features.chatbots.knowledge.events import SourceChanged
from botyard.features.chatbots.knowledge.library import Library
from botyard.features.chatbots.knowledge.sources import SourceInfo
from botyard.features.chatbots.runtime.version import Type, Version
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import BotyardError, Invalid
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf, check, load, show
from botyard.web.forms import Form
from botyard.web.lists import PAGE, PageNumber, page_of
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go, part

router = APIRouter(prefix=PATH + "/knowledge", route_class=GuardedRoute)
STATES = {
    "queued": ("", "Queued"),
    "running": ("busy", "Being read"),
    "ready": ("good", "Ready"),
    "failed": ("bad", "Failed"),
}
KINDS = {
    "text": "Text",
    "markdown": "Markdown",
    "html": "Web page",
    "csv": "Questions and answers",
    "pdf": "PDF",
}
_PASSAGES = 5
_MOST_CHUNKS = 200


@router.get("")
async def page(page: PageFor, scene: SceneFor, chatbot: ChatbotOf, number: PageNumber = 0) -> Response:
    """The documents, newest first."""
    live = live_address("chatbot-knowledge", {"bot": chatbot.id, "page": str(number)})
    rows = await _rows(scene, chatbot.id, number)
    return show(
        page, chatbot, "knowledge", live=live, max_mb=MAX_BYTES >> 20, max_pdf_mb=MAX_PDF_BYTES >> 20, **rows
    )


async def _rows(scene: Scene, chatbot_id: str, number: int) -> dict[str, Any]:
    async with scene.db.reader() as session:
        found, total = await sources.list_page(
            session, chatbot_id, owner_id=scene.caller.user_id, limit=PAGE, offset=number * PAGE
        )
    path = _path(chatbot_id)
    pager = page_of(total, shown=len(found), path=path, params={}, page=number, what="documents")
    return {"sources": found, "pager": pager, "path": path, "states": STATES, "kinds": KINDS, "total": total}


@router.get("/{source_id}")
async def source_page(page: PageFor, chatbot: ChatbotOf, source_id: str, reader: Reader) -> Response:
    """One document with its passages."""
    source = await _source(reader, chatbot.id, source_id, chatbot.owner_id)
    chunks = await sources.list_chunks(reader, source_id, owner_id=chatbot.owner_id, limit=_MOST_CHUNKS)
    return show(
        page,
        chatbot,
        "knowledge",
        source=source,
        chunks=chunks,
        path=_path(chatbot.id),
        states=STATES,
        kinds=KINDS,
    )


@router.post("/text")
async def add_text(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Keep a text that was typed."""
    text = form.needed("text", "The text")
    title = form.needed("title", "The title")
    await sources.add(
        session,
        chatbot.id,
        owner_id=chatbot.owner_id,
        content=text.encode(),
        kind="markdown",
        charset="utf-8",
        title=title,
    )
    return go(request, _path(chatbot.id), f"{title} is being read.")


@router.post("/file")
async def add_files(request: Request, chatbot: ChatbotOf, session: Session) -> Response:
    """Keep uploaded files."""
    names = []
    async with request.form(max_files=20, max_fields=10) as form:
        for file in form.getlist("file"):
            if isinstance(file, UploadFile) and file.filename:
                names.append(await _add_file(session, chatbot, file))
    if not names:
        raise Invalid("Choose a file first.", details={"field": "file"})
    said = names[0] if len(names) == 1 else f"{len(names)} documents"
    return go(request, _path(chatbot.id), f"{said} {'is' if len(names) == 1 else 'are'} being read.")


async def _add_file(session: UnitOfWork, chatbot: ChatbotInfo, file: UploadFile) -> str:
    """Keep one file and answer its title. What is wrong with it is told with its name."""
    try:
        made = await sources.add(
            session,
            chatbot.id,
            owner_id=chatbot.owner_id,
            content=await file.read(),
            name=file.filename or "",
            media_type=file.content_type or "",
        )
    except BotyardError as error:
        raise type(error)(f"{file.filename}: {error}", details={"field": "file"}) from error
    return made.title


@router.post("/url")
async def add_page(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Have a web page fetched and kept."""
    url = form.needed("url", "The address")
    await sources.add_url(
        session, chatbot.id, owner_id=chatbot.owner_id, url=url, title=form["title"].strip()
    )
    return go(request, _path(chatbot.id), "The page is being fetched.")


@router.post("/ask")
async def ask(chatbot: ChatbotOf, form: Form, db: Stores) -> Response:
    """What the chatbot would answer from its documents, and the passages that it looked at."""
    question = form.needed("question", "The question")
    library = db.parts.get(Library)
    async with db.reader() as session:
        content, _ = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
    version = Version(id=None, chatbot_id=chatbot.id, type=cast("Type", chatbot.type), content=content)
    answer = await library.search(
        question, owner_id=chatbot.owner_id, version=version, language=content.language
    )
    found = await library.find(chatbot.id, question, owner_id=chatbot.owner_id, limit=_PASSAGES)
    return part(
        "chatbots/_answer.html",
        "#answer",
        closes=False,
        question=question,
        answer=answer,
        found=found,
        path=_path(chatbot.id),
    )


@router.post("/{source_id}/refresh")
async def refresh(request: Request, chatbot: ChatbotOf, source_id: str, session: Session) -> Response:
    """Read a document anew: a page is fetched again."""
    source = await _source(session, chatbot.id, source_id, chatbot.owner_id)
    again = sources.refresh if source.url else sources.reread
    await again(session, source_id, owner_id=chatbot.owner_id)
    return go(request, _path(chatbot.id), f"{source.title} is read anew.")


@router.post("/{source_id}/delete")
async def delete(request: Request, chatbot: ChatbotOf, source_id: str, session: Session) -> Response:
    """Remove a document; nothing is answered from it any more."""
    source = await _source(session, chatbot.id, source_id, chatbot.owner_id)
    await sources.delete(session, source_id, owner_id=chatbot.owner_id)
    return go(request, _path(chatbot.id), f"{source.title} is removed.")


async def _source(session: UnitOfWork, chatbot_id: str, source_id: str, owner_id: int) -> SourceInfo:
    source = await sources.get(session, source_id, owner_id=owner_id)
    if source.chatbot_id != chatbot_id:
        raise NoSuchSource
    return source


def _path(chatbot_id: str) -> str:
    return f"{ROOT}/{chatbot_id}/knowledge"


async def draw(scene: Scene) -> Pieces:
    """The list again."""
    chatbot = await load(scene, scene.says("bot"))
    asked = scene.says("page")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    return {"#list": render("chatbots/_sources.html", **await _rows(scene, chatbot.id, number))}


LIVE = {"chatbot-knowledge": View(frozenset({SourceChanged.name}), draw, check=check)}
