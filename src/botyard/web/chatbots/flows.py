"""Flows: the list with what is wrong, and the editor with a flow's drawing and the forms of its steps."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from pydantic import BaseModel
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import editing
from botyard.features.chatbots.checking_flows import Problem
from botyard.features.chatbots.content import Content, Flow, Step
from botyard.web.chatbots import drafts
from botyard.web.chatbots.content_forms import OPERATORS, condition_form, condition_of, prose, said, shown
from botyard.web.chatbots.drafts import Draft
from botyard.web.chatbots.flow_map import draw
from botyard.web.chatbots.flow_map import words as words_in_box
from botyard.web.chatbots.frame import PATH, ChatbotOf, show
from botyard.web.chatbots.step_forms import KINDS, kind_of, step_of, words_of
from botyard.web.forms import Fields, Form
from botyard.web.lists import address
from botyard.web.shell import PageFor, go

router = APIRouter(prefix=PATH + "/flows", route_class=GuardedRoute)


class Wanted(BaseModel):
    """Which flow is edited, and what of it: a step, or a new one on a way."""

    flow: str
    step: str = ""
    add: str = ""  # `step` to choose the kind, else the kind
    after: str = ""
    way: str = "next"
    branch: int = -1


@router.get("")
async def page(page: PageFor, chatbot: ChatbotOf, reader: Reader) -> Response:
    """Every flow, and what is wrong with the whole content."""
    draft = await drafts.read(reader, chatbot)
    rows = [(flow, draft.checked.of("flows", flow.id)) for flow in draft.content.flows]
    problems = [(each, place_of(chatbot.id, each)) for each in draft.checked.problems]
    return show_part(
        page, chatbot, draft, "flows", piece="_flows.html", rows=rows, problems=problems, said=said
    )


def show_part(
    page: PageFor, chatbot: ChatbotOf, draft: Draft, part: str, *, piece: str, **context: Any
) -> Response:
    """The page of a part of the content."""
    chips = drafts.chips(chatbot.id, draft.checked)
    return show(
        page,
        chatbot,
        "flows",
        piece=f"chatbots/{piece}",
        part=part,
        chips=chips,
        draft=draft,
        content=draft.content,
        flow_options=[(flow.id, flow.name or flow.id) for flow in draft.content.flows],
        **context,
    )


def place_of(chatbot_id: str, problem: Problem) -> str:
    """Where a problem is mended."""
    if problem.part == "settings":
        return f"/chat/{chatbot_id}/settings"
    if problem.part == "flows":
        params = {"flow": problem.name, "step": problem.step}
        return address(f"{drafts.address(chatbot_id)}/edit", params)
    return f"{drafts.address(chatbot_id, problem.part)}?{urlencode({'name': problem.name})}"


@router.post("")
async def create(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Begin a flow."""
    content = await drafts.content_of(session, chatbot, form)
    name = form.needed("name", "The name")
    taken = {flow.id for flow in content.flows}
    flow = Flow(id=editing.free_name(_slug(name), taken), name=name, intents=_intents(form))
    await drafts.save(session, chatbot, editing.put_flow(content, flow), form)
    return go(request, _editor(chatbot.id, flow.id), f"{name} is made. Put its first step on the line.")


@router.get("/edit")
async def edit(
    page: PageFor, chatbot: ChatbotOf, reader: Reader, wanted: Annotated[Wanted, Query()]
) -> Response:
    """A flow: its drawing, and the form of what was chosen in it."""
    draft = await drafts.read(reader, chatbot)
    content = draft.content
    flow = editing.find_flow(content, wanted.flow)
    problems = draft.checked.of("flows", flow.id)
    path = f"{drafts.address(chatbot.id)}/edit"
    troubled = {each.step for each in problems}
    return show_part(
        page,
        chatbot,
        draft,
        "flows",
        piece="_flow.html",
        flow=flow,
        problems=problems,
        path=path,
        here=_editor(chatbot.id, flow.id),
        drawing=draw(content, flow, path=path, chosen=wanted.step or wanted.after, troubled=troubled),
        rows=[(step, kind_of(step), words_in_box(content, step)) for step in flow.steps],
        **_side(content, flow, wanted),
    )


def _side(content: Content, flow: Flow, wanted: Wanted) -> dict[str, Any]:
    """What the form beside the drawing is about: a step, a new one, or the flow itself."""
    step = editing.find_step(flow, wanted.step) if wanted.step else None
    kind = kind_of(step) if step else wanted.add if wanted.add in KINDS else ""
    side = "kinds" if wanted.add and not kind else "step" if kind else "flow"
    return {
        "side": side,
        "wanted": wanted,
        "step": step,
        "kind": kind,
        "kinds": KINDS,
        "operators": OPERATORS,
        "shown": shown,
        "condition_form": condition_form,
        "words": words_of(content, step) if step else "",
        "targets": [each.id for each in flow.steps if step is None or each.id != step.id],
    }


@router.post("/edit")
async def save(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Change what a flow is called and how it begins."""
    content = await drafts.content_of(session, chatbot, form)
    flow = editing.find_flow(content, form["flow"])
    changed = replace(
        flow,
        name=form["name"].strip(),
        description=prose(form["description"]),
        intents=_intents(form),
        when=condition_of(form, "when", content.slots),
    )
    await drafts.save(session, chatbot, editing.put_flow(content, changed), form)
    return go(request, _editor(chatbot.id, flow.id), "The flow is saved.")


@router.post("/delete")
async def delete(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Remove a flow."""
    content = await drafts.content_of(session, chatbot, form)
    await drafts.save(session, chatbot, editing.delete_flow(content, form["flow"]), form)
    return go(request, drafts.address(chatbot.id), "The flow is deleted.")


@router.post("/steps")
async def save_step(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Change a step, or put a new one on a way."""
    content = await drafts.content_of(session, chatbot, form)
    flow = editing.find_flow(content, form["flow"])
    before = editing.find_step(flow, form["step"]) if form["step"] else None
    content, step = step_of(form, content, flow, before=before)
    changed = editing.put_step(flow, before.id, step) if before else _inserted(flow, step, form)
    await drafts.save(session, chatbot, editing.put_flow(content, changed), form)
    return go(request, _editor(chatbot.id, flow.id, step.id), "The step is saved.")


def _inserted(flow: Flow, step: Step, form: Fields) -> Flow:
    branch = int(form["branch"]) if form["branch"].isdecimal() and len(form["branch"]) < 5 else -1
    return editing.insert_step(flow, step, after=form["after"], way=form["way"] or "next", branch=branch)


@router.post("/steps/move")
async def move_step(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Move a step one place earlier or later."""
    content = await drafts.content_of(session, chatbot, form)
    flow = editing.find_flow(content, form["flow"])
    changed = editing.move_step(flow, form["step"], by=-1 if form["to"] == "earlier" else 1)
    await drafts.save(session, chatbot, editing.put_flow(content, changed), form)
    return go(request, _editor(chatbot.id, flow.id, form["step"]))


@router.post("/steps/delete")
async def delete_step(request: Request, chatbot: ChatbotOf, form: Form, session: Session) -> Response:
    """Remove a step; what led to it leads on."""
    content = await drafts.content_of(session, chatbot, form)
    flow = editing.find_flow(content, form["flow"])
    changed = editing.delete_step(flow, form["step"])
    await drafts.save(session, chatbot, editing.put_flow(content, changed), form)
    return go(request, _editor(chatbot.id, flow.id), f"The step {form['step']} is deleted.")


def _editor(chatbot_id: str, flow_id: str, step: str = "") -> str:
    return address(f"{drafts.address(chatbot_id)}/edit", {"flow": flow_id, "step": step})


def _intents(form: Fields) -> list[str]:
    return list(dict.fromkeys(each.strip() for each in form.all("intent") if each.strip()))


def _slug(name: str) -> str:
    """A short name for programs, from one for people."""
    letters = "".join(sign if sign.isalnum() else " " for sign in name.lower())
    return "_".join(letters.split())[:60] or "flow"
