"""Voice, health and webhooks."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from chatbots_platform._sync.sections import Collection, Section
from chatbots_platform.calls import Call, at, given
from chatbots_platform.types import Delivery, Page, Speech, Transcript, VoiceInfo, Webhook


class Voice(Section):
    """Speech from text, and text from speech."""

    def tts(
        self,
        text: str,
        *,
        voice: str | None = None,
        format: str | None = None,  # noqa: A002 - the document's word
        speed: float | None = None,
    ) -> Speech:
        """The audio in base64."""
        body = given(text=text, voice=voice, format=format, speed=speed)
        spoken: Speech = self._post("/voice/tts", body, repeat="always")
        return spoken

    def tts_audio(
        self,
        text: str,
        *,
        voice: str | None = None,
        format: str | None = None,  # noqa: A002 - the document's word
        speed: float | None = None,
    ) -> bytes:
        """The audio itself."""
        body = given(text=text, voice=voice, format=format, speed=speed)
        call = Call("POST", "/voice/tts", body=body, headers={"Accept": "audio/*"}, repeat="always")
        return (self._transport.send(call)).content

    def stt(
        self, audio: bytes, *, content_type: str | None = None, language: str | None = None
    ) -> Transcript:
        """What is said in the audio."""
        encoded = base64.b64encode(audio).decode()
        body = given(audio=encoded, contentType=content_type, language=language)
        heard: Transcript = self._post("/voice/stt", body, repeat="always")
        return heard

    def voices(
        self, *, language: str | None = None, page: int | None = None, page_size: int | None = None
    ) -> Page[VoiceInfo]:
        """One page of the voices of all engines."""
        query = given(language=language, page=page, pageSize=page_size)
        listed: Page[VoiceInfo] = self._get("/voice/voices", query)
        return listed


class Health(Section):
    """How the server is; needs no credentials."""

    def liveness(self) -> dict[str, Any]:
        """Whether it runs."""
        told: dict[str, Any] = self._get("/health/liveness")
        return told

    def readiness(self) -> dict[str, Any]:
        """Raises ServerFailed while the server is not ready; it does not ask again."""
        told: dict[str, Any] = self._get("/health/readiness", repeat="never")
        return told

    def metrics(self) -> dict[str, Any]:
        """Its figures."""
        told: dict[str, Any] = self._get("/health/metrics")
        return told


class Webhooks(Collection[Webhook]):
    """Who is told what; `chatbots_platform.webhooks` verifies what arrives."""

    def create(
        self,
        *,
        url: str,
        events: Sequence[str],
        secret: str | None = None,
        extra: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Webhook:
        """Register an address; the server makes a secret where none is given."""
        body = given(url=url, events=[*events], secret=secret)
        return self._create({**body, **(extra or {})}, idempotency_key)

    def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Webhook:
        """Change what is given; the rest stays."""
        body = given(url=url, events=None if events is None else [*events])
        return self._update(webhook_id, {**body, **(extra or {})})

    def test(self, webhook_id: str) -> Delivery:
        """Send a ping to the webhook."""
        sent: Delivery = self._post(f"{at(self._path, webhook_id)}/test")
        return sent

    def rotate_secret(self, webhook_id: str, *, secret: str | None = None) -> Webhook:
        """A secret that the server makes is in the answer, this once; the old one signs along for a day."""
        path = f"{at(self._path, webhook_id)}/rotate-secret"
        webhook: Webhook = self._post(path, given(secret=secret))
        return webhook

    def deliveries(
        self, webhook_id: str, *, page: int | None = None, page_size: int | None = None, **filters: Any
    ) -> Page[Delivery]:
        """One page of what was sent, newest first."""
        query = given(page=page, pageSize=page_size, **filters)
        listed: Page[Delivery] = self._get(f"{at(self._path, webhook_id)}/deliveries", query)
        return listed

    def delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery with its body and attempts."""
        found: Delivery = self._get(at(f"{at(self._path, webhook_id)}/deliveries", delivery_id))
        return found

    def iterate_deliveries(
        self, webhook_id: str, *, page_size: int | None = None, **filters: Any
    ) -> Iterator[Delivery]:
        """Everything that was sent."""
        query = given(pageSize=page_size, **filters)
        return self._items(f"{at(self._path, webhook_id)}/deliveries", query)

    def replay(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send one delivery again, under the same webhook-id."""
        path = at(f"{at(self._path, webhook_id)}/deliveries", delivery_id)
        sent: Delivery = self._post(f"{path}/replay")
        return sent

    def replay_since(
        self, webhook_id: str, since: datetime | str, *, delivered: bool | None = None
    ) -> dict[str, Any]:
        """Send again what happened since a moment and did not arrive; with `delivered` all of it."""
        moment = since.isoformat() if isinstance(since, datetime) else since
        body = {"since": moment, **given(delivered=delivered)}
        told: dict[str, Any] = self._post(f"{at(self._path, webhook_id)}/replay", body)
        return told
