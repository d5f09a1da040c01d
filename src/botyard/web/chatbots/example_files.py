"""Files of examples: imported by a job that can be watched and says what did not map, exported as a download."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from botyard.core.jobs import JobEngine, JobInfo, JobState
from botyard.core.jobs.events import JobChanged
from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Stores
from botyard.features.chatbots import import_jobs, importing
from botyard.features.chatbots.importing import ImportResult, Target
from botyard.kit import ids
from botyard.kit.errors import Invalid, NotFound
from botyard.web import words
from botyard.web.chatbots.dataset_choice import place
from botyard.web.chatbots.frame import PATH, ChatbotOf, ChatbotRow, check, load, show
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go

router = APIRouter(prefix=PATH + "/examples", route_class=GuardedRoute)
FORMATS = {
    "rasa": "Rasa",
    "dialogflow": "Dialogflow ES",
    "dialogflow_cx": "Dialogflow CX",
    "botpress": "Botpress",
    "csv": "a table",
    "jsonl": "JSON lines",
}
NOTES = {
    "mapped": ("good", "Arrived"),
    "partly": ("warn", "Arrived in part"),
    "not_mapped": ("bad", "Did not arrive"),
}
_JOB = "chatbots.import_file"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file with the fields that were sent beside it."""

    data: bytes
    filename: str
    dataset: str
    name: str
    replace: bool


async def _upload(request: Request) -> Upload:
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid("Choose a file first.", details={"field": "file"})
        said = {key: value for key, value in form.items() if isinstance(value, str)}
        dataset, name = said.get("dataset", ""), said.get("name", "").strip()
        if dataset and name:  # either alone would be obeyed, and the other overlooked
            raise Invalid(
                "The name is for a new dataset: choose “Into a new dataset”, or leave the name empty.",
                details={"field": "name"},
            )
        return Upload(
            data=await file.read(),
            filename=file.filename,
            dataset=dataset,
            name=name,
            replace=said.get("replace") == "yes",
        )


@router.post("/import")
async def upload(
    request: Request, bot: ChatbotOf, db: Stores, caller: Caller, sent: Annotated[Upload, Depends(_upload)]
) -> Response:
    """Let a job import a file; it is looked into first, so that what is no such file is refused here."""
    found = await importing.preview(db, caller.user_id, sent.data, filename=sent.filename)
    if found.empty:
        raise Invalid("The file holds nothing that can be imported.", details={"field": "file"})
    target = Target(
        dataset_id=sent.dataset,
        chatbot_id=bot.id,
        name=sent.name,
        replace=sent.replace,
        filename=sent.filename,
    )
    job_id = await import_jobs.start(
        db, caller.user_id, sent.data, target, key=f"{bot.id}:{ids.new('import')}"
    )
    return go(request, place(bot, f"/imports/{job_id}"))


@router.get("/imports/{job_id}")
async def import_page(page: PageFor, scene: SceneFor, bot: ChatbotOf, job_id: str) -> Response:
    """An import: how far it is, and what came of it."""
    live = live_address("chatbot-import", {"bot": bot.id, "job": job_id})
    job = await _job(scene, bot.id, job_id)
    return show(page, bot, "import", live=live, **_context(job))


def _context(job: JobInfo) -> dict[str, Any]:
    result = msgspec.convert(job.result, ImportResult) if job.state is JobState.done else None
    return {
        "job": job,
        "job_states": words.JOB,
        "result": result,
        "formats": FORMATS,
        "notes": NOTES,
    }


async def _job(scene: Scene, bot_id: str, job_id: str) -> JobInfo:
    """An import into this chatbot. Raises NoSuchJob, also for a job of any other kind."""
    job = await scene.db.parts.get(JobEngine).get(job_id, owner_id=scene.caller.user_id)
    if job.name != _JOB or f":{bot_id}:" not in (job.key or ""):
        raise NotFound("There is no such import.")
    return job


async def _draw(scene: Scene) -> Pieces:
    bot = await load(scene, scene.says("bot"))
    job = await _job(scene, bot.id, scene.says("job"))
    return {"#import": render("chatbots/_import.html", bot=ChatbotRow(bot), **_context(job))}


LIVE = {"chatbot-import": View(frozenset({JobChanged.name}), _draw, check=check)}


@router.get("/export")
async def export(bot: ChatbotOf, db: Stores, caller: Caller, format: str, dataset: str) -> Response:  # noqa: A002
    """A dataset as a file; with Rasa and JSON lines the draft of the chatbot goes along."""
    made = await importing.export(db, caller.user_id, format, dataset_id=dataset, chatbot_id=bot.id)
    name = quote(made.filename)
    headers = {
        "Content-Disposition": f"attachment; filename=\"{made.filename}\"; filename*=UTF-8''{name}",
        "Cache-Control": "no-store",
    }
    return Response(made.data, media_type=made.media_type, headers=headers)
