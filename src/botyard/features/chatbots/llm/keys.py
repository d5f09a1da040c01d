"""The key of a chatbot's language model: in the vault, put in and taken out, never shown."""

from botyard.core import vault
from botyard.features.chatbots import service as chatbots
from botyard.features.chatbots.llm.errors import KeyUnfit
from botyard.kit.db import Session
from botyard.kit.errors import NotFound

_KIND, _NAME = "bot", "model_key"
MAX_KEY = 4096


async def put(session: Session, chatbot_id: str, *, owner_id: int, key: str) -> None:
    """Keep the key; an earlier one is gone. Raises NoSuchChatbot and KeyUnfit."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    key = key.strip()
    if not 0 < len(key) <= MAX_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise KeyUnfit
    await vault.put(session, account_id=owner_id, kind=_KIND, id=chatbot_id, name=_NAME, value=key)


async def drop(session: Session, chatbot_id: str, *, owner_id: int) -> None:
    """Forget the key; none is no error. Raises NoSuchChatbot."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    await vault.drop(session, account_id=owner_id, kind=_KIND, id=chatbot_id, name=_NAME)


async def has(session: Session, chatbot_id: str, *, owner_id: int) -> bool:
    """Whether there is a key. Raises NoSuchChatbot."""
    await chatbots.get(session, chatbot_id, owner_id=owner_id)
    return _NAME in await vault.list_names(session, kind=_KIND, id=chatbot_id)


async def reveal(session: Session, chatbot_id: str, *, owner_id: int) -> str:
    """The key in clear, for a request; empty where there is none."""
    try:
        return await vault.reveal(session, account_id=owner_id, kind=_KIND, id=chatbot_id, name=_NAME)
    except NotFound:
        return ""
