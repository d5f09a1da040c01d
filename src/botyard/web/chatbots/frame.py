"""What the pages of one chatbot share: finding it, its tabs, its head."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from markupsafe import Markup
from starlette.responses import Response

from botyard.features.chatbots import attention
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.attention import ToDo
from botyard.features.chatbots.service import ChatbotInfo
from botyard.web.scene import Pieces, Scene
from botyard.web.shell import Page, SceneFor

ROOT = "/chat"
PATH = ROOT + "/{bot_id}"
# Key, word, path below the chatbot: in the order in which a chatbot comes to be.
TABS = (
    ("overview", "Overview", ""),
    ("examples", "Examples", "/examples"),
    ("flows", "Flows", "/flows"),
    ("training", "Training", "/training"),
    ("versions", "Versions", "/versions"),
    ("try", "Try it", "/try"),
    ("conversations", "Conversations", "/conversations"),
    ("inbox", "Inbox", "/inbox"),
    ("knowledge", "Knowledge", "/knowledge"),
    ("settings", "Settings", "/settings"),
)
# Pages that lie within a tab.
_WITHIN = {
    "conversation": "conversations",
    "import": "examples",
    "check": "examples",
    "report": "training",
    "compare": "versions",
    "deploy": "versions",
}
# What is counted behind a tab: field of ToDo, and what the number means.
_COUNTED = {"conversations": ("waiting", "waiting"), "inbox": ("misunderstood", "to look at")}
STATES = {
    "draft": ("", "Draft"),
    "training": ("busy", "Training"),
    "trained": ("warn", "Trained, not deployed"),
    "deployed": ("good", "Deployed"),
}
TYPES = {"rule": "Rules", "ai": "AI", "hybrid": "Hybrid"}


@dataclass(frozen=True, slots=True)
class ChatbotRow:
    """A chatbot as lists and heads show it."""

    info: ChatbotInfo

    @property
    def id(self) -> str:
        """Its id."""
        return self.info.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.info.name

    @property
    def path(self) -> str:
        """Where its pages are."""
        return f"{ROOT}/{self.info.id}"

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return STATES[self.info.status][0]

    @property
    def word(self) -> str:
        """Its state in words."""
        return STATES[self.info.status][1]

    @property
    def kind(self) -> str:
        """Its type in words."""
        return TYPES[self.info.type]


async def load(scene: Scene, bot_id: str) -> ChatbotInfo:
    """A chatbot of the viewer's own: what was said to it is nobody else's business. Raises NoSuchChatbot."""
    async with scene.db.reader() as session:
        return await chatbots.get(session, bot_id, owner_id=scene.caller.user_id)


async def _chatbot(request: Request, scene: SceneFor) -> ChatbotInfo:
    chatbot = await load(scene, request.path_params["bot_id"])
    if request.method == "GET":
        request.state.to_do = await attention.to_do(scene.stream, chatbot.id)
    return chatbot


ChatbotOf = Annotated[ChatbotInfo, Depends(_chatbot)]


def show(page: Page, chatbot: ChatbotInfo, tab: str, *, live: str = "", **context: Any) -> Response:
    """The page of a tab; its template is `chatbots/<tab>.html`. `live` is the address of its stream."""
    row = ChatbotRow(chatbot)
    to_do = getattr(page.request.state, "to_do", ToDo())
    tabs = [(key, labelled(key, word, to_do), f"{row.path}{path}") for key, word, path in TABS]
    chosen = _WITHIN.get(tab, tab)
    return page.show(f"chatbots/{tab}.html", bot=row, tab=chosen, tabs=tabs, live=live, **context)


def labelled(key: str, word: str, to_do: ToDo) -> Markup:
    """The word of a tab with how much waits behind it; `counts` draws the number again."""
    if key not in _COUNTED:
        return Markup("{}").format(word)
    return Markup('{} <span class="position-relative" id="tab-{}">{}</span>').format(
        word, key, _count(key, to_do)
    )


def counts(to_do: ToDo) -> Pieces:
    """The numbers in the tabs, as pieces of a live page."""
    return {f"#tab-{key}": _count(key, to_do) for key in _COUNTED}


def _count(key: str, to_do: ToDo) -> Markup:
    name, word = _COUNTED[key]
    number = getattr(to_do, name)
    if not number:
        return Markup("")
    return Markup('<span class="mini on">{}<span class="visually-hidden"> {}</span></span>').format(
        number, word
    )


async def check(scene: Scene) -> None:
    """A chatbot's streams are for its owner. Raises NoSuchChatbot."""
    await load(scene, scene.says("bot"))
