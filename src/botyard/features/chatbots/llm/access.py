"""Which server a chatbot's language model is at, and whether it may be called from here.

An operator's address may be anywhere, also on this machine; an address that a user wrote may not lead inside unless
the settings allow private networks.
"""

from dataclasses import dataclass, field

from botyard.features.chatbots.content import ModelSettings
from botyard.features.chatbots.llm import keys
from botyard.features.chatbots.llm.errors import ModelMisconfigured
from botyard.kit.db import Database
from botyard.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """Where and how a model is called."""

    provider: str
    url: str
    inside: bool  # whether the address may be private
    key: str = field(default="", repr=False)


async def resolve(db: Database, model: ModelSettings, *, chatbot_id: str, owner_id: int) -> Access:
    """The server of a chatbot's model. Raises ModelMisconfigured where something is missing."""
    settings = db.parts.get(Settings)
    operators = {"ollama": settings.ollama_url, "openai": settings.openai_url}.get(model.provider)
    if operators is None:
        raise ModelMisconfigured("The chatbot names no language model.")
    url = model.url.strip() or operators
    if not url:
        raise ModelMisconfigured(
            f"No address of {model.provider} is set: write one into the chatbot's settings."
        )
    if not model.model:
        raise ModelMisconfigured("The chatbot's settings do not say which language model it uses.")
    async with db.reader() as session:
        key = await keys.reveal(session, chatbot_id, owner_id=owner_id)
    inside = settings.allow_private_networks or url.rstrip("/") == operators.rstrip("/")
    return Access(model.provider, url, inside, key)
