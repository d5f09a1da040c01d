"""Datasets and intents as wholes: made, chosen, renamed, merged, deleted."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Session
from botyard.features.chatbots import beginnings, datasets, labelling
from botyard.kit.amounts import counted
from botyard.kit.errors import Invalid
from botyard.web.chatbots.dataset_choice import place
from botyard.web.chatbots.frame import PATH, ChatbotOf
from botyard.web.forms import Form
from botyard.web.shell import go

router = APIRouter(prefix=PATH + "/examples", route_class=GuardedRoute)


@router.post("/datasets")
async def make(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Make an empty dataset; a chatbot without one learns from it."""
    made = await datasets.create(
        session,
        owner_id=caller.user_id,
        name=form.needed("name", "The name"),
        language=form["language"].strip() or "en",
        source="dashboard",
    )
    await beginnings.adopt(session, bot.id, made.id, owner_id=caller.user_id)
    return go(request, place(bot, dataset=made.id), f"{made.name} is made. Add examples, or import a file.")


@router.post("/use")
async def use(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Let a chatbot that has no dataset learn from one that is there."""
    await beginnings.adopt(session, bot.id, form["dataset"], owner_id=caller.user_id)
    return go(request, place(bot, dataset=form["dataset"]))


@router.post("/dataset")
async def change(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Call a dataset something else."""
    await datasets.update(
        session,
        form["dataset"],
        owner_id=caller.user_id,
        name=form.needed("name", "The name"),
        description=form["description"].strip(),
        language=form.needed("language", "The language"),
    )
    return go(request, place(bot, dataset=form["dataset"]), "The dataset is saved.")


@router.post("/dataset/delete")
async def delete(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Remove a dataset with its examples; models that learned from it stay."""
    await datasets.delete(session, form["dataset"], owner_id=caller.user_id)
    return go(request, place(bot), "The dataset is deleted. Models that learned from it stay as they are.")


@router.post("/intents/merge")
async def merge(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Give the examples of some intents one name; of a single one that is a new name."""
    into, intents = form.needed("into", "The name"), form.all("intent")
    if not intents:
        raise Invalid("Choose the intents that become one.", details={"field": "into"})
    moved = await labelling.merge_intents(
        session, form["dataset"], intents, owner_id=caller.user_id, into=into
    )
    address = place(bot, dataset=form["dataset"], intent=into)
    return go(request, address, f"{counted(moved, 'example means', 'examples mean')} {into} now.")


@router.post("/intents/delete")
async def delete_intent(
    request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller
) -> Response:
    """Remove an intent with its examples."""
    intent = form.needed("intent", "The intent")
    gone = await labelling.delete_intent(session, form["dataset"], intent, owner_id=caller.user_id)
    return go(
        request, place(bot, dataset=form["dataset"]), f"{intent} is deleted with {counted(gone, 'example')}."
    )
