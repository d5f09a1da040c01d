"""A reply as server-sent events: words as a language model writes them, then what was stored."""

from typing import Any

from starlette.responses import Response

from botyard.contracts.chatbots import messages
from botyard.contracts.chatbots.envelope import status_of
from botyard.edge import replies
from botyard.edge.errors import amid
from botyard.edge.replies import Reply, Told
from botyard.features.chatbots import sending
from botyard.features.chatbots.chat_runtime import ChatRuntime


async def answer(chat: ChatRuntime, conversation_id: str, order: dict[str, Any]) -> Response:
    """Send a message and stream its reply. Raises what sending raises, as long as nothing was streamed."""
    reply = Reply(lambda hear: sending.send(chat, conversation_id, on_token=hear, **order))
    return await replies.stream(reply, _outcome)


def _outcome(reply: Reply) -> Told:
    try:
        return "message", messages.answered(reply.task.result())
    except Exception as error:
        known = amid(error, what="a reply")
        return "error", {"code": status_of(known), "message": str(known)}
