"""The draft of a chatbot's content as its editors share it: read with its problems, saved against its revision."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import example_table, inbox_learning, versions
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.checking import Checked, Type, check
from botyard.features.chatbots.content import Content, Intent
from botyard.features.chatbots.errors import EditedMeanwhile
from botyard.features.chatbots.knowledge import sources
from botyard.features.chatbots.models import Chatbot
from botyard.features.chatbots.service import ChatbotInfo
from botyard.kit.db import Session
from botyard.kit.errors import NotFound
from botyard.web.forms import Fields

# Key, word, path below the flows: the parts of what a chatbot says and does.
PARTS = (
    ("flows", "Flows", ""),
    ("responses", "Responses", "/responses"),
    ("intents", "Intents", "/intents"),
    ("rules", "Rules", "/rules"),
    ("slots", "Slots", "/slots"),
    ("entities", "Entities", "/entities"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is being written, at which revision, and what is wrong with it.

    `intents` are all that are known, `taught` those that have examples.
    """

    content: Content
    revision: int
    checked: Checked
    intents: list[str]
    taught: frozenset[str]

    @property
    def unanswered(self) -> list[str]:
        """Intents that lead to no response, flow or person."""
        found = {each.name for each in self.checked.of("intents") if each.kind == "unanswered_intent"}
        return [name for name in self.intents if name in found]


async def read(session: Session, chatbot: ChatbotInfo) -> Draft:
    """The draft of a chatbot."""
    content, revision = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
    counts = await _examples(session, chatbot)
    _, documents = await sources.list_page(session, chatbot.id, owner_id=chatbot.owner_id, limit=1)
    whole = contents.read(contents.write(content))
    row = await session.get(Chatbot, chatbot.id)
    if row is not None:
        await versions.add_answers(session, row, whole)  # as a version of it would have them
    for name in counts if chatbot.type != "rule" else ():  # what is learned wants an answer, too
        whole.intents.setdefault(name, Intent())
    checked = check(whole, type=cast("Type", chatbot.type), documents=documents > 0)
    started = (intent for flow in content.flows for intent in flow.intents)
    return Draft(
        content,
        revision,
        checked,
        sorted({*whole.intents, *counts, *started}, key=str.casefold),
        frozenset(counts),
    )


async def without_answer(session: Session, chatbot: ChatbotInfo, content: Content) -> list[str]:
    """Intents of the examples that some content, such as that of a version, leads to nothing."""
    return (await _answering(session, chatbot, content))[0]


async def answers_little(session: Session, chatbot: ChatbotInfo, content: Content) -> bool:
    """Whether most of what people mean, by the examples, leads to nothing in some content."""
    silent, answered = await _answering(session, chatbot, content)
    return len(silent) > len(answered)


async def _answering(session: Session, chatbot: ChatbotInfo, content: Content) -> tuple[list[str], list[str]]:
    """Intents of the examples: those that lead to nothing, and the others."""
    if chatbot.type == "rule":  # nothing that was trained answers there
        return [], []
    parts: tuple[list[str], list[str]] = ([], [])
    for name in await _examples(session, chatbot):
        parts[inbox_learning.answers(content, name)].append(name)
    return parts


async def _examples(session: Session, chatbot: ChatbotInfo) -> Iterable[str]:
    if chatbot.dataset_id is None:
        return ()
    try:
        return await example_table.intents(session, chatbot.dataset_id, owner_id=chatbot.owner_id)
    except NotFound:  # the examples may have been deleted since the training
        return ()


async def content_of(session: Session, chatbot: ChatbotInfo, fields: Fields) -> Content:
    """The content that a form is about. Raises EditedMeanwhile where somebody saved since the form was made."""
    content, revision = await chatbots.read_content(session, chatbot.id, owner_id=chatbot.owner_id)
    if fields["revision"] != str(revision):
        raise EditedMeanwhile
    return content


async def save(session: Session, chatbot: ChatbotInfo, content: Content, fields: Fields) -> None:
    """Keep the content, unless somebody saved since the form was made. Raises EditedMeanwhile, Invalid."""
    asked = fields["revision"]
    revision = int(asked) if asked.isdecimal() and len(asked) < 10 else -1
    whole = contents.read(
        contents.write(content)
    )  # what forms build is held to the same bounds as what is sent
    await chatbots.save_content(session, chatbot.id, whole, owner_id=chatbot.owner_id, revision=revision)


def address(chatbot_id: str, part: str = "flows") -> str:
    """Where a part of the content is edited."""
    below = next(path for key, _, path in PARTS if key == part)
    return f"/chat/{chatbot_id}/flows{below}"


def chips(chatbot_id: str, checked: Checked) -> list[tuple[str, str, str, int]]:
    """The parts with their addresses and how many problems each has."""
    return [(key, word, address(chatbot_id, key), len(checked.of(key))) for key, word, _ in PARTS]
