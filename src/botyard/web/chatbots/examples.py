"""What a chatbot learns from: the examples of a dataset as a fast table, edited in place, one or many at once."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import datasets, example_table, labelling
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats.rasa import markup
from botyard.features.chatbots.nlu.process import expect
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.amounts import counted
from botyard.kit.db import Session as UnitOfWork
from botyard.kit.errors import Invalid
from botyard.web.chatbots.dataset_choice import Choice, ExampleRow, back, choice, number_of, place
from botyard.web.chatbots.frame import PATH, ChatbotOf, ChatbotRow, show
from botyard.web.forms import Fields, Form
from botyard.web.lists import PAGE, PageNumber, address, page_of
from botyard.web.rendering import render
from botyard.web.shell import PageFor, go, part

router = APIRouter(prefix=PATH + "/examples", route_class=GuardedRoute)
MOST_LINES = 5000
_SORTS = {"id": "Oldest first", "-id": "Newest first", "text": "By text", "intent": "By intent"}
EXPORTS = (
    ("rasa", "Rasa project", "A zip with training data, domain, rules and flows; the draft goes along."),
    ("csv", "CSV", "A table of texts and intents for spreadsheets; examples only."),
    ("jsonl", "JSON lines", "One example in each line, with marks and languages, and the replies."),
)


@router.get("")
async def page(
    page: PageFor,
    reader: Reader,
    bot: ChatbotOf,
    dataset: str = "",
    intent: str = "",
    q: str = "",
    sort: str = "-id",
    number: PageNumber = 0,
) -> Response:
    """The examples of a dataset, those of an intent or those that hold some words."""
    chosen = await choice(reader, bot, dataset)
    if chosen.dataset is None:
        return show(page, bot, "examples", choice=chosen, dataset=None, exports=EXPORTS)
    expect(reader)
    sort = sort if sort in _SORTS else "-id"
    asked = {"dataset": dataset, "intent": intent, "q": q, "sort": "" if sort == "-id" else sort}
    table = await _table(reader, bot, chosen, asked | {"sort": sort}, number)
    counts = await example_table.intents(reader, chosen.dataset.id, owner_id=bot.owner_id)
    return show(
        page,
        bot,
        "examples",
        choice=chosen,
        dataset=chosen.dataset,
        intents=[(name, count, place(bot, dataset=dataset, intent=name)) for name, count in counts.items()],
        everything=place(bot, dataset=dataset),
        exports=EXPORTS,
        sorts=_SORTS,
        **table,
    )


async def _table(
    reader: UnitOfWork, bot: ChatbotInfo, chosen: Choice, asked: dict[str, str], number: int
) -> dict[str, Any]:
    assert chosen.dataset is not None
    found, total = await example_table.page(
        reader,
        chosen.dataset.id,
        owner_id=bot.owner_id,
        limit=PAGE,
        offset=number * PAGE,
        intent=asked["intent"],
        text=asked["q"],
        sort=asked["sort"],
    )
    params = asked | {"sort": "" if asked["sort"] == "-id" else asked["sort"]}
    pager = page_of(total, shown=len(found), path=place(bot), params=params, page=number, what="examples")
    here = address(place(bot), {**params, "page": number})
    return {
        "rows": [ExampleRow(each) for each in found],
        "total": total,
        "asked": asked,
        "pager": pager,
        "here": here,
    }


@router.post("/add")
async def add(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Add what people say, one in each line."""
    intent = form.needed("intent", "The intent")
    made = [_line(number, line, intent) for number, line in enumerate(_lines(form["lines"]), start=1)]
    if not made:
        raise Invalid("Write at least one line.", details={"field": "lines"})
    added = await datasets.add_examples(
        session, form["dataset"], owner_id=caller.user_id, examples=made, source="dashboard", skip_known=True
    )
    known = len(made) - added
    said = f"{counted(added, 'example is', 'examples are')} added to {intent}."
    if known:
        said += f" {counted(known, 'was', 'were')} there already."
    return go(request, back(request, bot, form), said, kind="good" if added else "warn")


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise Invalid(
            f"At most {MOST_LINES} lines go in at once; import a file instead.", details={"field": "lines"}
        )
    return lines


def _line(number: int, line: str, intent: str) -> NewExample:
    example, problem = markup.read(line, intent)
    if problem:
        raise Invalid(f"Line {number}: {problem}.", details={"field": "lines"})
    return example


@router.post("/many")
async def many(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Move the chosen examples to another intent, or delete them."""
    ids = [number_of(each) for each in form.all("id")]
    if not ids:
        raise Invalid("Choose examples by their boxes first.")
    if form["act"] == "delete":
        gone = await labelling.remove(session, form["dataset"], ids, owner_id=caller.user_id)
        return go(
            request, back(request, bot, form), f"{counted(gone, 'example is', 'examples are')} deleted."
        )
    intent = form.needed("intent", "The intent to move them to")
    moved = await labelling.move(session, form["dataset"], ids, owner_id=caller.user_id, intent=intent)
    return go(
        request,
        back(request, bot, form),
        f"{counted(moved, 'example is', 'examples are')} moved to {intent}.",
    )


@router.get("/{example_id:int}/edit")
async def edit_form(bot: ChatbotOf, reader: Reader, example_id: int, dataset: str = "") -> Response:
    """The form that takes the place of an example's text."""
    row = await example_table.get(reader, dataset, _bounded(example_id), owner_id=bot.owner_id)
    return part(
        "chatbots/_example_edit.html",
        f"#example-{row.id}",
        closes=False,
        bot=ChatbotRow(bot),
        row=ExampleRow(row),
        marks=msgspec.json.encode(row.entities).decode(),
    )


@router.get("/{example_id:int}/row")
async def shown_again(bot: ChatbotOf, reader: Reader, example_id: int, dataset: str = "") -> Response:
    """The example as it is, in place of its form."""
    row = await example_table.get(reader, dataset, _bounded(example_id), owner_id=bot.owner_id)
    return _row(bot, ExampleRow(row))


@router.post("/{example_id:int}")
async def edit(bot: ChatbotOf, example_id: int, form: Form, session: Session, caller: Caller) -> Response:
    """Change an example's text, its intent and its marks."""
    row = await labelling.edit(
        session,
        form["dataset"],
        _bounded(example_id),
        owner_id=caller.user_id,
        text=form.needed("text", "The text"),
        intent=form.needed("intent", "The intent"),
        entities=_marks(form),
        language=form["language"].strip(),
    )
    return _row(bot, ExampleRow(row))


def _row(bot: ChatbotInfo, row: ExampleRow) -> Response:
    words = {"bot": ChatbotRow(bot), "row": row}
    also = {f"#intent-{row.id}": render("chatbots/_example_intent.html", **words)}
    return part("chatbots/_example_text.html", f"#example-{row.id}", closes=False, also=also, **words)


def _marks(form: Fields) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(form["entities"] or "[]", type=list[dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError):
        raise Invalid(
            "The marks of entities cannot be read; set them anew.", details={"field": "text"}
        ) from None


def _bounded(example_id: int) -> int:
    return number_of(str(example_id))
