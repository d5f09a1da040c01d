"""What is wrong with examples before anything is trained on them, with what mends it at one click."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from botyard.edge.caller import Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import tidying
from botyard.features.chatbots.datasets import NoSuchDataset
from botyard.features.chatbots.lint import Finding
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.tidying import Looked
from botyard.kit.amounts import counted
from botyard.web.chatbots.dataset_choice import choice, place
from botyard.web.chatbots.frame import PATH, ChatbotOf, show
from botyard.web.forms import Form
from botyard.web.shell import PageFor, go

router = APIRouter(prefix=PATH + "/examples/check", route_class=GuardedRoute)
_SHOWN = 20  # findings of one kind on the page
# What each kind is called, the worst first, and how bad it is.
KINDS = {
    "single": ("bad", "Only one intent"),
    "conflict": ("bad", "The same text in several intents"),
    "mark": ("bad", "Marks that do not fit"),
    "thin": ("warn", "Intents with too few examples"),
    "lopsided": ("warn", "Intents with very many examples"),
    "language": ("warn", "Texts in other letters than their language"),
    "duplicate": ("", "Texts that occur twice in their intent"),
    "near_duplicate": ("", "Texts of the same words"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with the examples it is about, each as its text and intent, and where they are listed."""

    finding: Finding
    examples: list[tuple[str, str]]
    address: str


@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one kind."""

    kind: str
    tone: str
    title: str
    count: int
    found: list[Found]


@router.get("")
async def page(page: PageFor, reader: Reader, bot: ChatbotOf, dataset: str = "") -> Response:
    """The findings, the worst first."""
    chosen = await choice(reader, bot, dataset)
    if chosen.dataset is None:
        raise NoSuchDataset
    looked = await tidying.look(reader, chosen.dataset.id, owner_id=bot.owner_id)
    groups = list(_groups(looked, bot, dataset))
    return show(
        page,
        bot,
        "check",
        dataset=chosen.dataset,
        report=looked.report,
        groups=groups,
        back=place(bot, dataset=dataset),
    )


def _groups(looked: Looked, bot: ChatbotInfo, dataset: str) -> Iterator[Group]:
    for kind, (tone, title) in KINDS.items():
        found = [each for each in looked.report.findings if each.kind == kind]
        if found:
            shown = [_found(each, looked, bot, dataset) for each in found[:_SHOWN]]
            yield Group(kind, tone, title, looked.report.counts[kind], shown)


def _found(finding: Finding, looked: Looked, bot: ChatbotInfo, dataset: str) -> Found:
    examples = [(looked.texts[at], looked.intents[at]) for at in finding.examples]
    if finding.kind in ("thin", "lopsided", "single"):
        address = place(bot, dataset=dataset, intent=finding.intents[0])
    else:
        address = place(bot, dataset=dataset, q=finding.text, sort="text")
    return Found(finding, examples, address)


@router.post("/duplicates")
async def remove_duplicates(
    request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller
) -> Response:
    """Leave one of those that say the same in one intent."""
    gone = await tidying.remove_duplicates(session, form["dataset"], owner_id=caller.user_id)
    said = (
        f"{counted(gone, 'duplicate is', 'duplicates are')} removed."
        if gone
        else "There are no duplicates any more."
    )
    return go(request, place(bot, "/check", dataset=form["dataset"]), said)


@router.post("/keep")
async def keep(request: Request, bot: ChatbotOf, form: Form, session: Session, caller: Caller) -> Response:
    """Let a text that stands in several intents stay in one of them."""
    intent = form.needed("intent", "The intent")
    gone = await tidying.keep_in(session, form["dataset"], form["text"], intent, owner_id=caller.user_id)
    said = f"The text stays in {intent}." if gone else "It stands in one intent only by now."
    return go(request, place(bot, "/check", dataset=form["dataset"]), said)
