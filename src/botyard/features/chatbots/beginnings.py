"""How a chatbot begins: empty, with content of one's own, or as a copy of a template that learns at once."""

from typing import Any

from botyard.core.accounts.types import Principal
from botyard.features.chatbots import content as contents
from botyard.features.chatbots import datasets, service, templates, training
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.templates import TemplateExample
from botyard.kit.db import Session
from botyard.kit.errors import Invalid


async def begin(
    session: Session,
    *,
    owner_id: int,
    name: str,
    description: str | None = None,
    type: str | None = None,  # noqa: A002 - the document's word
    template_id: str | None = None,
    content: Any = None,
    actor: Principal,
    address: str = "",
) -> ChatbotInfo:
    """Make a chatbot. The examples of a template become a dataset, on which its training begins.

    Raises Invalid, NoSuchTemplate.
    """
    examples: list[TemplateExample] = []
    if template_id is not None:
        if content is not None:
            raise Invalid("Name a template or send content, not both.", details={"field": "content"})
        template = await templates.get(session, template_id, owner_id=owner_id)
        beginning = templates.read(template.content)
        content, examples = contents.write(beginning.content), beginning.examples
        type = type or template.type  # noqa: A001
        description = template.description if description is None else description
    chatbot = await service.create(
        session,
        owner_id=owner_id,
        name=name,
        description=description,
        type=type or "hybrid",
        content=content,
        actor=actor,
        address=address,
    )
    if not examples or chatbot.type == "rule":
        return chatbot
    dataset = await datasets.create(
        session,
        owner_id=owner_id,
        name=name,
        language=str((content or {}).get("language", "en")),
        examples=[
            NewExample(text=one.text, intent=one.intent, entities=one.entities, language=one.language)
            for one in examples
        ],
        source="template",
    )
    await training.start(session, chatbot.id, dataset.id, owner_id=owner_id, actor=actor, address=address)
    return await service.get(session, chatbot.id, owner_id=owner_id)


async def adopt(session: Session, chatbot_id: str, dataset_id: str, *, owner_id: int) -> None:
    """Let a chatbot that has no dataset yet learn from this one; else only training on another changes that.

    Raises NoSuchChatbot, NoSuchDataset.
    """
    chatbot = await service.hold(session, chatbot_id, owner_id=owner_id)
    if chatbot.dataset_id is None:
        chatbot.dataset_id = (await datasets.get(session, dataset_id, owner_id=owner_id)).id
