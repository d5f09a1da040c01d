"""How far the draft is from what was frozen."""

from dataclasses import dataclass

from botyard.features.chatbots import content as contents
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots import versions
from botyard.features.chatbots.models import Chatbot
from botyard.kit.db import Session


@dataclass(frozen=True, slots=True)
class Difference:
    """What a deployment of the draft would change."""

    content: bool = False
    model: bool = False

    @property
    def any(self) -> bool:
        """Whether it would change anything."""
        return self.content or self.model


async def difference(session: Session, chatbot_id: str, version_id: str, *, owner_id: int) -> Difference:
    """What the draft, with the newest model, has other than a version. Raises NoSuchChatbot, NoSuchVersion."""
    content, _ = await chatbots.read_content(session, chatbot_id, owner_id=owner_id)
    version = await versions.get(session, version_id, chatbot_id=chatbot_id)
    row = await session.get_one(Chatbot, chatbot_id)
    await versions.add_answers(session, row, content)
    newest = next(iter(await versions.list_models(session, chatbot_id, limit=1)), None)
    return Difference(
        content=(row.type, contents.write(content)) != (version.type, version.content),
        model=(newest.id if newest else None) != version.model_id,
    )
