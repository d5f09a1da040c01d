"""The inbox: messages that were not understood, put together by what they mean, to be labelled many at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from botyard.core.jobs.events import JobChanged
from botyard.edge.caller import Address, Caller
from botyard.edge.guard import GuardedRoute
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import attention, deployments, inbox, inbox_learning, training, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.clusters import MAX_MESSAGES, Clusters, Grouping
from botyard.features.chatbots.events import Deployed, MessageReceived, TrainingFailed, TrainingFinished
from botyard.features.chatbots.inbox import Misunderstood
from botyard.features.chatbots.nlu.text import folded
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.amounts import counted
from botyard.kit.errors import Invalid
from botyard.web.chatbots import frame, learned, talking
from botyard.web.chatbots.frame import PATH, ROOT, ChatbotOf
from botyard.web.forms import Fields, Form
from botyard.web.lists import PageNumber, Pager, address
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import PageFor, SceneFor, go, partial

router = APIRouter(prefix=PATH + "/inbox", route_class=GuardedRoute)
CLUSTERS = 20  # on one page
MEMBERS = 400  # of one cluster that are labelled at once
SHOWN = 6  # lines of it that stand there at once
_WHY = {
    "not understood": "not understood",
    "unsure": "two intents were close",
    "handover": "a person was wanted",
    "loop": "went round in circles",
    "thumbs down": "marked as wrong",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Messages that say the very same, the newest first."""

    messages: list[Misunderstood]

    @property
    def one(self) -> Misunderstood:
        """The newest of them."""
        return self.messages[0]

    @property
    def ids(self) -> str:
        """All of them, as a form sends them."""
        return ",".join(str(one.id) for one in self.messages)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Lines that mean much the same, the most typical first, with what they were taken for most."""

    key: str
    lines: list[Line]
    suggested: list[str]

    @property
    def size(self) -> int:
        """How many messages they are."""
        return sum(len(line.messages) for line in self.lines)

    @property
    def shown(self) -> list[Line]:
        """Those that stand there at once."""
        return self.lines[:SHOWN]

    @property
    def hidden(self) -> list[Line]:
        """Those that are a click away."""
        return self.lines[SHOWN:]


@router.get("")
async def page(
    page: PageFor, scene: SceneFor, chatbot: ChatbotOf, reader: Reader, number: PageNumber = 0
) -> Response:
    """What was misunderstood, the largest clusters first."""
    messages = await _messages(scene, chatbot.id)
    found = await _grouping(scene).group([one.text for one in messages])
    intents = await inbox_learning.intents(reader, chatbot.id, owner_id=chatbot.owner_id)
    to_do = await attention.to_do(scene.stream, chatbot.id)
    return frame.show(
        page,
        chatbot,
        "inbox",
        live=live_address("chatbot-inbox", {"bot": chatbot.id, "known": messages[0].id if messages else 0}),
        clusters=_page_of(messages, found, number),
        pager=_pager(found, number, f"{ROOT}/{chatbot.id}/inbox"),
        by=found.by,
        intents=intents,
        looked_at=len(messages),
        total=to_do.misunderstood,
        reasons=_WHY,
        fresh=0,
        **await _next(scene, chatbot),
    )


def _grouping(scene: Scene) -> Grouping:
    found = scene.db.parts.find(Grouping)
    if found is None:
        found = Grouping()
        scene.db.parts.add(found)
    return found


async def _messages(scene: Scene, chatbot_id: str) -> list[Misunderstood]:
    """The newest ones, as many as are put together."""
    found: list[Misunderstood] = []
    owner_id = scene.caller.user_id
    while len(found) < MAX_MESSAGES:
        before = found[-1].id if found else 2**62
        part = await inbox.list_open(
            scene.stream, chatbot_id, owner_id=owner_id, limit=inbox.MAX_PAGE, before=before
        )
        found += part
        if len(part) < inbox.MAX_PAGE:
            break
    return found


def _page_of(messages: Sequence[Misunderstood], found: Clusters, number: int) -> list[Cluster]:
    groups = found.groups[number * CLUSTERS : (number + 1) * CLUSTERS]
    return [_cluster([messages[at] for at in group[:MEMBERS]]) for group in groups]


def _cluster(members: list[Misunderstood]) -> Cluster:
    taken: dict[str, float] = defaultdict(float)
    for one in members:
        for name, share in one.candidates:
            taken[name] += share
    lines: dict[str, list[Misunderstood]] = {}
    for one in members:
        lines.setdefault(folded(one.text), []).append(one)
    suggested = sorted(taken, key=lambda name: -taken[name])[:2]
    return Cluster(str(members[0].id), [Line(same) for same in lines.values()], suggested)


def _pager(found: Clusters, number: int, path: str) -> Pager:
    total = len(found.groups)
    if total <= CLUSTERS and not number:
        return Pager()
    last = min(total, (number + 1) * CLUSTERS)
    newer = address(path, {"page": number - 1}) if number else None
    older = address(path, {"page": number + 1}) if last < total else None
    return Pager(
        f"{number * CLUSTERS + 1} to {last} of {counted(total, 'group')}", newer, older, "Previous", "Next"
    )


async def _next(scene: Scene, chatbot: ChatbotInfo) -> dict[str, Any]:
    """What is to be done next: retrain, or look at what a training changed."""
    async with scene.db.reader() as session:
        state = await learned.read(session, chatbot)
        now = await deployments.current(session, chatbot.id)
        answering = [
            (await versions.get(session, version_id, chatbot_id=chatbot.id)).model_id
            for version_id, _ in (now.shares if now else ())
        ]
    changed = None if state.running else await learned.progress(scene, state)
    return {
        "learning": state,
        "progress": changed,
        "answers": state.trained is not None and state.trained.model_id in answering,
        "path": f"{ROOT}/{chatbot.id}",
    }


# --- labelling ------------------------------------------------------------------------------------------


@router.post("/label")
async def label(scene: SceneFor, chatbot: ChatbotOf, form: Form) -> Response:
    """Make the ticked messages of a cluster examples of an intent, or take them off the list."""
    ids = _ticked(form)
    if form["act"] == "dismiss":
        done = await _done(scene, chatbot, ids)
        return await _shown(scene, chatbot, form["cluster"], done, of=len(ids), intent="", added=0)
    intent = (form["chosen"] or form.needed("intent", "The intent")).strip()
    said = await inbox_learning.texts(scene.stream, chatbot.id, ids, owner_id=chatbot.owner_id)
    added = await _learned(scene, chatbot, list(said.values()), intent)
    done = await _done(scene, chatbot, list(said))  # last: a crash in between adds nothing twice
    return await _shown(scene, chatbot, form["cluster"], done, of=len(ids), intent=intent, added=added)


async def _learned(scene: Scene, chatbot: ChatbotInfo, texts: list[str], intent: str) -> int:
    """How many of the texts are new to the examples; where there are none, no dataset is made for them."""
    if not texts:
        return 0
    async with scene.db.session() as session:
        return await inbox_learning.add(session, chatbot.id, texts, owner_id=chatbot.owner_id, intent=intent)


def _ticked(form: Fields) -> list[int]:
    said = [one for line in form.all("message") for one in line.split(",")]
    found = [int(one) for one in said if one.isdecimal() and len(one) < 19][:MEMBERS]
    if not found:
        raise Invalid("Tick at least one message.")
    return found


async def _done(scene: Scene, chatbot: ChatbotInfo, ids: Sequence[int]) -> int:
    writer = talking.runtime(scene).writer
    return await inbox.mark_done(writer, chatbot.id, ids, owner_id=chatbot.owner_id)


async def _shown(
    scene: Scene, chatbot: ChatbotInfo, cluster: str, done: int, *, of: int, intent: str, added: int
) -> Response:
    """What was done, in the cluster's place; and the next step. Somebody else may have done some of it before."""
    async with scene.db.reader() as session:
        fresh = await chatbots.get(session, chatbot.id, owner_id=chatbot.owner_id)
        content, _ = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
        intents = await inbox_learning.intents(session, chatbot.id, owner_id=chatbot.owner_id)
    context = await _next(scene, fresh)
    answered = not intent or inbox_learning.answers(content, intent)
    html = render(
        "chatbots/_inbox_done.html",
        done=done,
        of=of,
        intent=intent,
        added=added,
        answered=answered,
        **context,
    )
    pieces = {
        "#inbox-next": render("chatbots/_inbox_next.html", **context),
        "#intents": render("chatbots/_intents.html", intents=intents),
        **frame.counts(await attention.to_do(scene.stream, chatbot.id)),
    }
    if cluster.isdecimal():
        pieces[f"#cluster-{cluster}"] = html
    said = "".join(partial(target, piece) for target, piece in pieces.items())
    return HTMLResponse(said, headers={"Cache-Control": "no-store"})


@router.post("/train")
async def train(
    request: Request, chatbot: ChatbotOf, session: Session, caller: Caller, address: Address
) -> Response:
    """Learn from the examples as they are now."""
    if chatbot.dataset_id is None:
        raise Invalid("This chatbot has no examples yet: label some messages first.")
    await training.start(
        session, chatbot.id, chatbot.dataset_id, owner_id=chatbot.owner_id, actor=caller, address=address
    )
    return go(request, f"{ROOT}/{chatbot.id}/inbox", "The training begins.")


# --- live -----------------------------------------------------------------------------------------------


async def draw(scene: Scene) -> Pieces:
    """The next step, and how much has come since; the clusters stay as they are while somebody ticks."""
    chatbot = await frame.load(scene, scene.says("bot"))
    seen = scene.says("known")
    newest = await inbox.list_open(scene.stream, chatbot.id, owner_id=chatbot.owner_id, limit=100)
    known = int(seen) if seen.isdecimal() and len(seen) < 19 else 0
    fresh = sum(one.id > known for one in newest)
    return {
        "#inbox-fresh": render("chatbots/_inbox_fresh.html", fresh=fresh, path=f"{ROOT}/{chatbot.id}"),
        "#inbox-next": render("chatbots/_inbox_next.html", **await _next(scene, chatbot)),
        **frame.counts(await attention.to_do(scene.stream, chatbot.id)),
    }


_HEARD = (MessageReceived, JobChanged, TrainingFinished, TrainingFailed, Deployed)
LIVE = {"chatbot-inbox": View(frozenset(event.name for event in _HEARD), draw, check=frame.check)}
