"""Chatbots, conversations and templates. `extra` holds further fields of a body, for what is newer than this."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from chatbots_platform._sync.sections import Collection, Listing
from chatbots_platform._sync.streaming import reply_events
from chatbots_platform.calls import Call, at, given
from chatbots_platform.types import (
    Analytics,
    Chatbot,
    ChatbotType,
    Content,
    Conversation,
    Deployed,
    Exchange,
    Job,
    Message,
    Page,
    StreamEvent,
    Template,
    Version,
)

Extra = Mapping[str, Any] | None


class Chatbots(Collection[Chatbot]):
    """Chatbots of the account."""

    def create(
        self,
        *,
        name: str,
        description: str | None = None,
        type: ChatbotType | None = None,  # noqa: A002 - the document's word
        template_id: str | None = None,
        content: Mapping[str, Any] | None = None,
        extra: Extra = None,
        idempotency_key: str | None = None,
    ) -> Chatbot:
        """Make a chatbot; with `template_id` it begins with the content of that template."""
        body = given(name=name, description=description, type=type, templateId=template_id, content=content)
        return self._create({**body, **(extra or {})}, idempotency_key)

    def update(
        self,
        chatbot_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        type: ChatbotType | None = None,  # noqa: A002 - the document's word
        extra: Extra = None,
    ) -> Chatbot:
        """Change what is given; the rest stays."""
        body = given(name=name, description=description, type=type)
        return self._update(chatbot_id, {**body, **(extra or {})})

    def train(
        self,
        chatbot_id: str,
        *,
        dataset_id: str,
        extra: Extra = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Start a training job; `training.jobs.wait` waits for its end."""
        body = {"datasetId": dataset_id, **(extra or {})}
        job: Job = self._post(f"{at(self._path, chatbot_id)}/train", body, key=idempotency_key)
        return job

    def deploy(
        self,
        chatbot_id: str,
        *,
        channel: str | None = None,
        version: str | None = None,
        environment: str | None = None,
        extra: Extra = None,
        idempotency_key: str | None = None,
    ) -> Deployed:
        """Let a version answer; by default what was trained last, in production."""
        body = {**given(channel=channel, version=version, environment=environment), **(extra or {})}
        done: Deployed = self._post(f"{at(self._path, chatbot_id)}/deploy", body, key=idempotency_key)
        return done

    def rollback(
        self, chatbot_id: str, *, environment: str | None = None, idempotency_key: str | None = None
    ) -> Deployed:
        """Let answer again what answered before."""
        body = given(environment=environment)
        done: Deployed = self._post(f"{at(self._path, chatbot_id)}/rollback", body, key=idempotency_key)
        return done

    def versions(
        self, chatbot_id: str, *, page: int | None = None, page_size: int | None = None
    ) -> Page[Version]:
        """One page of versions, newest first."""
        query = given(page=page, pageSize=page_size)
        listed: Page[Version] = self._get(f"{at(self._path, chatbot_id)}/versions", query)
        return listed

    def content(self, chatbot_id: str) -> Content:
        """The draft of what it says."""
        draft: Content = self._get(f"{at(self._path, chatbot_id)}/content")
        return draft

    def replace_content(
        self, chatbot_id: str, content: Mapping[str, Any], *, revision: int | None = None
    ) -> Content:
        """Replace the draft; with `revision` only while nobody else changed it since."""
        body = {"content": content, **given(revision=revision)}
        draft: Content = self._transport.data(Call("PUT", f"{at(self._path, chatbot_id)}/content", body=body))
        return draft

    def analytics(
        self,
        chatbot_id: str,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        **filters: Any,
    ) -> Analytics:
        """What happened in a period."""
        query = given(**{"from": from_}, to=to, **filters)
        counted: Analytics = self._get(f"{at(self._path, chatbot_id)}/analytics", query)
        return counted


class Conversations(Listing[Conversation]):
    """Conversations with the chatbots of the account."""

    def create(
        self, *, chatbot_id: str, extra: Extra = None, idempotency_key: str | None = None
    ) -> Conversation:
        """Begin a conversation."""
        begun: Conversation = self._post(
            self._path, {"chatbotId": chatbot_id, **(extra or {})}, key=idempotency_key
        )
        return begun

    def messages(
        self, conversation_id: str, *, page: int | None = None, page_size: int | None = None
    ) -> Page[Message]:
        """One page of messages, oldest first."""
        listed: Page[Message] = self._get(
            self._messages_of(conversation_id), given(page=page, pageSize=page_size)
        )
        return listed

    def iterate_messages(self, conversation_id: str, *, page_size: int | None = None) -> Iterator[Message]:
        """Each message, oldest first."""
        return self._items(self._messages_of(conversation_id), given(pageSize=page_size))

    def send_message(
        self,
        conversation_id: str,
        text: str,
        *,
        extra: Extra = None,
        idempotency_key: str | None = None,
    ) -> Exchange:
        """Say something and wait for the reply."""
        exchange: Exchange = self._post(
            self._messages_of(conversation_id), {"text": text, **(extra or {})}, key=idempotency_key
        )
        return exchange

    def stream(
        self,
        conversation_id: str,
        text: str,
        *,
        extra: Extra = None,
        idempotency_key: str | None = None,
    ) -> Iterator[StreamEvent]:
        """The same, with the reply's tokens as they come; the last event holds both messages."""
        call = Call(
            "POST",
            self._messages_of(conversation_id),
            body={"text": text, **(extra or {})},
            headers={"Accept": "text/event-stream"},
            key=idempotency_key,
        )
        with closing(reply_events(self._transport.send(call, stream=True))) as events:
            yield from events

    def close(self, conversation_id: str) -> Conversation:
        """End it."""
        closed: Conversation = self._post(f"{at(self._path, conversation_id)}/close")
        return closed

    def rate(self, conversation_id: str, rating: int) -> Conversation:
        """How good it was, 1 to 5."""
        path = f"{at(self._path, conversation_id)}/rating"
        rated: Conversation = self._post(path, {"rating": rating})
        return rated

    def trace(self, conversation_id: str) -> dict[str, Any]:
        """Everything that happened in it, and why."""
        told: dict[str, Any] = self._get(f"{at(self._path, conversation_id)}/trace")
        return told

    def _messages_of(self, conversation_id: str) -> str:
        return f"{at(self._path, conversation_id)}/messages"


class Templates(Collection[Template]):
    """Content to begin chatbots with: built-in and own ones."""

    def create(
        self,
        *,
        name: str,
        description: str | None = None,
        type: ChatbotType | None = None,  # noqa: A002 - the document's word
        content: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Template:
        """Make a template that only this account sees."""
        body = given(name=name, description=description, type=type, content=content)
        return self._create(body, idempotency_key)

    def update(
        self,
        template_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Template:
        """Change what is given; the rest stays. Built-in ones cannot be changed."""
        return self._update(template_id, given(name=name, description=description, content=content))
