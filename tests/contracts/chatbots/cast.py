"""Who takes part in requests of the chatbots document, and a valid request for every call."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pyotp
from sqlalchemy import update

from botyard.core.accounts import api_keys, profiles, second_factor
from botyard.core.accounts.types import ALL_SCOPES
from botyard.core.webhooks.models import WebhookDelivery, WebhookEndpoint
from botyard.features.chatbots import artifacts
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from botyard.kit import clock, ids
from botyard.kit.db import Database
from tests import loopback
from tests.contracts import people
from tests.contracts.document import Call
from tests.contracts.people import PASSWORD
from tests.contracts.running import Running
from tests.features.chatbots.voice.recordings import wav
from tests.planted import secret

PREFIX = "/chatbots"
CONTENT = {"responses": {"hi": [{"text": "Hello!"}]}, "examples": [{"text": "hello", "intent": "greet"}]}
SILENCE = b64encode(wav(bytes(3200))).decode()
HOOK = {"url": "http://127.0.0.1:9/hook", "events": ["conversation.created", "message.received"]}


@dataclass(frozen=True)
class Person:
    """An account with a client that carries its access token, and an API key."""

    id: int
    username: str
    email: str
    access: str
    refresh: str
    key: str
    http: httpx.AsyncClient


@dataclass
class Cast:
    """An account with one of everything, a stranger, and nobody."""

    running: Running
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    owner: Person = field(init=False)
    stranger: Person = field(init=False)
    anonymous: httpx.AsyncClient = field(init=False)
    known: dict[str, str] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        """The server's stores."""
        return self.running.db

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of this document."""
        url = self.running.url + PREFIX
        made = loopback.client(base_url=url, headers=headers)
        self.clients.append(made)
        return made

    async def person(self) -> Person:
        """A fresh account."""
        details = people.fresh()
        return await self.sign_in(await people.add(self.db, details), details)

    async def sign_in(self, user_id: int, details: people.Details) -> Person:
        """An account that is there, with a token and a key of it."""
        pair = await people.tokens(self.db, user_id)
        async with self.db.session() as session:
            _, key = await api_keys.create(session, user_id=user_id, name="all", scopes=ALL_SCOPES)
        http = self.client(authorization=f"Bearer {pair.access}")
        return Person(user_id, details.username, details.email, pair.access, pair.refresh, key, http)

    async def close(self) -> None:
        """Close every client."""
        for client in self.clients:
            await client.aclose()


async def make_cast(running: Running) -> Cast:
    """Fresh accounts, and one of everything."""
    cast = Cast(running)
    cast.anonymous = cast.client()
    cast.owner, cast.stranger = await cast.person(), await cast.person()
    await furnish(cast)
    return cast


async def furnish(cast: Cast) -> None:
    """Give the owner one of everything."""
    for name, made in MAKERS.items():
        cast.known[name] = await made(cast)
    cast.known["message_id"] = await _answer_in(cast, cast.known["conversation"])
    cast.known["delivery"] = await make_delivery(cast, cast.known["webhook"])


async def _made(cast: Cast, path: str, body: Any) -> str:
    reply = await cast.owner.http.post(path, json=body)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["data"]["id"])


async def _webhook(cast: Cast) -> str:
    """One that asked to be left alone until tomorrow, so that nothing about it moves by itself."""
    webhook_id = await _made(cast, "/api/webhooks", {**HOOK, "secret": secret("webhook")})
    async with cast.db.session() as session:
        paused = update(WebhookEndpoint).where(WebhookEndpoint.id == webhook_id)
        await session.execute(paused.values(paused_until=clock.now() + timedelta(days=1)))
    return webhook_id


async def make_delivery(cast: Cast, webhook_id: str) -> str:
    delivery_id = await _made(cast, f"/api/webhooks/{webhook_id}/test", None)
    async with cast.db.session() as session:
        held = update(WebhookDelivery).where(WebhookDelivery.id == delivery_id)
        await session.execute(held.values(state="failed", lease=None, finished_at=clock.now()))
    return delivery_id


RULES = {
    "responses": {"hello": [{"text": "Hello!"}]},
    "rules": [{"words": ["hello"], "response": "hello"}],
}
EXAMPLES = [{"text": "hello there", "intent": "greet"}, {"text": "see you", "intent": "leave"}]


async def _conversation(cast: Cast) -> str:
    """One with a message and its answer."""
    chatbot_id = cast.known.get("chatbot") or await MAKERS["chatbot"](cast)
    conversation_id = await _made(cast, "/api/conversations", {"chatbotId": chatbot_id})
    sent = await cast.owner.http.post(
        f"/api/conversations/{conversation_id}/messages", json={"text": "hello"}
    )
    assert sent.status_code == 201, sent.text
    return conversation_id


async def _answer_in(cast: Cast, conversation_id: str) -> str:
    found = await cast.owner.http.get(f"/api/conversations/{conversation_id}/messages")
    return str(found.json()["data"]["items"][1]["id"])


async def _attended(cast: Cast) -> str:
    conversation_id = await _conversation(cast)
    taken = await cast.owner.http.post(f"/api/conversations/{conversation_id}/attend")
    assert taken.status_code == 200, taken.text
    return conversation_id


async def _training(cast: Cast) -> str:
    """One that waits: nobody works here."""
    chatbot_id, dataset_id = await MAKERS["chatbot"](cast), await MAKERS["dataset"](cast)
    return await _made(cast, "/api/training/jobs", {"chatbotId": chatbot_id, "datasetId": dataset_id})


async def _trained(cast: Cast) -> str:
    """A training as it is when it has ended, with a report."""
    training_id, owner_id = await _training(cast), cast.owner.id
    report = await artifacts.put(cast.db, owner_id, b'{"accuracy": 1.0}')
    async with cast.db.session() as session:
        row = await session.get(TrainingJob, training_id)
        assert row is not None
        model = ModelVersion(
            id=ids.new("model"), owner_id=owner_id, chatbot_id=row.chatbot_id, number=1, training_id=row.id,
            snapshot="", artifact="", report=report, metrics={}, created_at=clock.now(),
        )  # fmt: skip
        session.add(model)
        row.state, row.model_id, row.completed_at = "completed", model.id, clock.now()
    return training_id


MAKERS: Mapping[str, Callable[[Cast], Awaitable[str]]] = {
    "chatbot": lambda cast: _made(cast, "/api/chatbots", {"name": "Desk", "content": RULES}),
    "dataset": lambda cast: _made(cast, "/api/training/datasets", {"name": "Words", "examples": EXAMPLES}),
    "conversation": _conversation,
    "spare_conversation": _conversation,
    "attended_conversation": _attended,
    "taken_conversation": _attended,
    "training": _training,
    "fresh_training": _training,
    "trained": _trained,
    "template": lambda cast: _made(cast, "/api/templates", {"name": "Greeter", "content": CONTENT}),
    "api_key": lambda cast: _made(cast, "/api/auth/api-keys", {"name": "k"}),
    "webhook": _webhook,
}


@dataclass(frozen=True)
class Sent:
    """Query and body of a valid request; texts in braces are filled in. `by_newcomer`: who sends it is not the
    same afterwards, so it is somebody fresh."""

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    by_newcomer: bool = False


REQUESTS: Mapping[str, Sent] = {
    "auth.register": Sent({"username": "{fresh}", "email": "{fresh}@example.org", "password": PASSWORD}),
    "auth.login": Sent({"username": "{username}", "password": PASSWORD}),
    "auth.refresh": Sent({"refreshToken": "{refresh}"}, by_newcomer=True),
    "auth.logout": Sent({"refreshToken": "{refresh}"}, by_newcomer=True),
    "mfa.setup": Sent(by_newcomer=True),
    "mfa.verify": Sent({"code": "{code}"}, by_newcomer=True),
    "apikeys.create": Sent({"name": "deploy"}),
    "apikeys.list": Sent(query={"page": "1", "pageSize": "10"}),
    "apikeys.delete": Sent(),
    "bots.list": Sent(query={"page": "1", "pageSize": "10"}),
    "bots.create": Sent({"name": "Desk", "description": "d", "type": "hybrid"}),
    "bots.get": Sent(),
    "bots.update": Sent({"name": "Desk", "description": "by night", "type": "hybrid"}),
    "bots.delete": Sent(),
    "bots.train": Sent({"datasetId": "{dataset}"}),
    "bots.deploy": Sent({"channel": "api"}),
    "bots.analytics": Sent(query={"from": "2026-01-01", "to": "2026-12-31"}),
    "bots.content": Sent(),
    "bots.write_content": Sent({"content": RULES}),
    "bots.rollback": Sent({"environment": "production"}),
    "bots.versions": Sent(query={"page": "1"}),
    "conversations.list": Sent(query={"page": "1", "pageSize": "10"}),
    "conversations.create": Sent({"chatbotId": "{chatbot}"}),
    "conversations.get": Sent(),
    "conversations.trace": Sent(),
    "conversations.rate": Sent({"rating": 4}),
    "conversations.thumbs_down": Sent(),
    "conversations.close": Sent(),
    "conversations.attend": Sent(),
    "conversations.reply": Sent({"text": "Good morning, a person here."}),
    "conversations.return": Sent(),
    "messages.list": Sent(query={"page": "1", "pageSize": "10"}),
    "messages.send": Sent({"text": "hello"}),
    "datasets.list": Sent(query={"page": "1", "pageSize": "10"}),
    "datasets.create": Sent({"name": "Words", "examples": EXAMPLES, "responses": {"greet": "Hi!"}}),
    "datasets.get": Sent(),
    "datasets.update": Sent({"name": "Words", "description": "d", "examples": EXAMPLES}),
    "datasets.delete": Sent(),
    "jobs.list": Sent(query={"page": "1", "pageSize": "10"}),
    "jobs.create": Sent({"chatbotId": "{chatbot}", "datasetId": "{dataset}"}),
    "jobs.get": Sent(),
    "jobs.report": Sent(),
    "jobs.cancel": Sent(),
    "templates.list": Sent(query={"page": "1", "pageSize": "10"}),
    "templates.create": Sent({"name": "Mine", "description": "d", "type": "hybrid", "content": CONTENT}),
    "templates.get": Sent(),
    "templates.update": Sent({"name": "Greeter", "description": "says hello", "content": CONTENT}),
    "templates.delete": Sent(),
    "voice.tts": Sent({"text": "Hello."}),
    "voice.stt": Sent({"audio": SILENCE}),
    "voice.voices": Sent(query={"page": "1", "pageSize": "10"}),
    "health.liveness": Sent(),
    "health.readiness": Sent(),
    "health.metrics": Sent(),
    "webhooks.create": Sent({**HOOK, "secret": secret("webhook")}),
    "webhooks.list": Sent(query={"page": "1"}),
    "webhooks.get": Sent(),
    "webhooks.update": Sent({"description": "mine", "events": ["message.received"]}),
    "webhooks.delete": Sent(),
    "webhooks.rotate_secret": Sent({}),
    "webhooks.test": Sent(),
    "webhooks.deliveries": Sent(query={"state": "failed"}),
    "webhooks.delivery": Sent(),
    "webhooks.replay": Sent(),
    "webhooks.replay_since": Sent({"since": "2026-01-01T00:00:00Z"}),
}


# Who makes the call with one of these cannot make it again.
USED_UP = frozenset({"taken_conversation", "fresh_training"})


async def _deploy_twice(cast: Cast, chatbot_id: str) -> None:
    for number in (1, 2):
        content = {**RULES, "responses": {"hello": [{"text": f"Hello {number}!"}]}}
        await cast.owner.http.put(f"/api/chatbots/{chatbot_id}/content", json={"content": content})
        deployed = await cast.owner.http.post(f"/api/chatbots/{chatbot_id}/deploy")
        assert deployed.status_code == 200, deployed.text


@dataclass(frozen=True)
class Ready:
    """A request that only has to be sent."""

    sender: httpx.AsyncClient
    path: str
    body: Any
    query: Mapping[str, str]


async def ready(cast: Cast, call: Call) -> Ready:
    """The valid request of a call, with everything there that it needs."""
    sent = REQUESTS[call.id]
    person = await cast.person() if sent.by_newcomer else cast.owner
    known = {
        "username": person.username,
        "refresh": person.refresh,
        "fresh": people.fresh().username,
        "delivery_id": cast.known["delivery"],
        **{name: cast.known[name] for name in ("chatbot", "dataset", "message_id")},
    }
    if call.object:
        fresh = call.method == "DELETE" or call.object in USED_UP
        known["id"] = await MAKERS[call.object](cast) if fresh else cast.known[call.object]
    if call.id == "bots.rollback":
        await _deploy_twice(cast, known["id"])
    if "{code}" in str(sent.body):
        known["code"] = await _code(cast, person.id)
    sender = cast.anonymous if call.is_public else person.http
    return Ready(sender, call.path.format(**known), filled(sent.body, known), sent.query)


async def _code(cast: Cast, user_id: int) -> str:
    """The present code of a factor that was set up just now."""
    async with cast.db.session() as session:
        enrolment = await second_factor.begin(session, await profiles.get(session, user_id))
    return pyotp.TOTP(enrolment.secret).at(int(clock.now().timestamp()))


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A request's part with its braces filled in."""
    if isinstance(value, Mapping):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return value.format(**known)
    return value


async def send(
    cast: Cast, call: Call, sender: httpx.AsyncClient | None = None, **changed: Any
) -> httpx.Response:
    """Make one call with its valid request, as whom it is for or as `sender`; `changed` replaces parts of it."""
    made = await ready(cast, call)
    body = changed.get("body", made.body)
    return await (sender or made.sender).request(
        call.method, changed.get("path", made.path), params=changed.get("query", made.query), json=body
    )
