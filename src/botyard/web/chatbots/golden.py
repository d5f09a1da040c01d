"""Golden conversations: made of one that was held, listed on the versions' page, taken away."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import Stream
from botyard.edge.session import Session
from botyard.features.chatbots import golden
from botyard.web.chatbots.frame import PATH, ChatbotOf
from botyard.web.chatbots.versions import path_of
from botyard.web.forms import Form
from botyard.web.shell import go

router = APIRouter(prefix=PATH + "/golden", route_class=GuardedRoute)


@router.post("")
async def make(
    request: Request, bot: ChatbotOf, form: Form, session: Session, stream: Stream, caller: Caller
) -> Response:
    """Hold every further version to a conversation."""
    row = await golden.make(
        session,
        stream,
        bot.id,
        form.needed("conversation", "The conversation").rsplit("/", 1)[-1],
        owner_id=caller.user_id,
        name=form["name"].strip(),
    )
    said = f"“{row.name}” is golden: before each deployment it is held again."
    return go(request, f"{path_of(bot)}#golden", said)


@router.post("/{golden_id}/delete")
async def delete(
    request: Request, bot: ChatbotOf, golden_id: str, session: Session, caller: Caller
) -> Response:
    """Hold no version to it any more."""
    await golden.delete(session, bot.id, golden_id, owner_id=caller.user_id)
    return go(request, f"{path_of(bot)}#golden", "It is golden no more.")
