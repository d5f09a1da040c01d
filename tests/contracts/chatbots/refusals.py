"""One provocation for every error that the document states."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from botyard.core.accounts import api_keys, sessions
from botyard.features.chatbots.voice.registry import Speech
from botyard.settings import Settings
from tests.contracts.chatbots.cast import MAKERS, Cast, make_delivery, ready, send
from tests.contracts.document import Call
from tests.second_factor import enrol

Provoke = Callable[[Cast, Call], Awaitable[httpx.Response]]
UNKNOWN = "x_00000000000000000000000000"


def changed(**fields: Any) -> Provoke:
    """The valid request with other fields in its body; None takes one away."""

    async def provoke(cast: Cast, call: Call) -> httpx.Response:
        body = {**((await ready(cast, call)).body or {}), **fields}
        return await send(cast, call, body={key: value for key, value in body.items() if value is not None})

    return provoke


def queried(**query: str) -> Provoke:
    """The request with this query."""

    async def provoke(cast: Cast, call: Call) -> httpx.Response:
        return await send(cast, call, query=query)

    return provoke


async def token_missing(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.anonymous)


async def foreign(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.stranger.http)


async def unknown(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, path=call.path.format(id=UNKNOWN))


async def built_in(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, path=call.path.format(id="support-faq"))


async def with_a_key(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.client(**{"x-api-key": cast.owner.key}))


async def key_unknown(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, cast.client(**{"x-api-key": "by_key_nobody"}))


async def scope_missing(cast: Cast, call: Call) -> httpx.Response:
    async with cast.db.session() as session:
        _, key = await api_keys.create(session, user_id=cast.owner.id, name="narrow", scopes=["logs:read"])
    return await send(cast, call, cast.client(**{"x-api-key": key}))


async def name_taken(cast: Cast, call: Call) -> httpx.Response:
    return await changed(username=cast.owner.username.upper())(cast, call)


async def registration_closed(cast: Cast, call: Call) -> httpx.Response:
    with setting(cast, registration="closed"):
        return await send(cast, call)


@contextmanager
def setting(cast: Cast, **values: Any) -> Iterator[None]:
    """Other settings of the running server while the block runs."""
    settings = cast.db.parts.get(Settings)
    before = {name: getattr(settings, name) for name in values}
    for name, value in values.items():
        setattr(settings, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


async def second_factor_missing(cast: Cast, call: Call) -> httpx.Response:
    return await _sign_in_past_a_factor(cast, call)


async def second_factor_wrong(cast: Cast, call: Call) -> httpx.Response:
    return await _sign_in_past_a_factor(cast, call, mfaCode="000000")


async def _sign_in_past_a_factor(cast: Cast, call: Call, **fields: str) -> httpx.Response:
    person = await cast.person()
    await enrol(cast.db, person.id)
    return await changed(username=person.username, **fields)(cast, call)


async def too_many_sign_ins(cast: Cast, call: Call) -> httpx.Response:
    person = await cast.person()
    with setting(cast, signin_attempts=1):
        wrong = changed(username=person.username, password="not this one")
        await wrong(cast, call)
        await wrong(cast, call)
        return await wrong(cast, call)


async def refresh_token_used(cast: Cast, call: Call) -> httpx.Response:
    body = (await ready(cast, call)).body
    assert (await send(cast, call, body=body)).status_code == 200
    return await send(cast, call, body=body)


async def refresh_token_revoked(cast: Cast, call: Call) -> httpx.Response:
    person = await cast.person()
    await _end_sessions(cast, person.id)
    return await send(cast, call, body={"refreshToken": person.refresh})


async def session_ended(cast: Cast, call: Call) -> httpx.Response:
    person = await cast.person()
    await _end_sessions(cast, person.id)
    return await send(cast, call, person.http)


async def _end_sessions(cast: Cast, user_id: int) -> None:
    async with cast.db.session() as session:
        await sessions.end_all(session, user_id)


async def second_factor_on(cast: Cast, call: Call) -> httpx.Response:
    person = await cast.person()
    await enrol(cast.db, person.id)
    return await send(cast, call, person.http)


async def code_wrong(cast: Cast, call: Call) -> httpx.Response:
    person = await cast.person()
    assert (await person.http.post("/api/auth/mfa/setup")).status_code == 200
    return await send(cast, call, person.http, body={"code": "000000"})


async def not_set_up(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, (await cast.person()).http, body={"code": "123456"})


async def address_private(cast: Cast, call: Call) -> httpx.Response:
    with setting(cast, allow_private_networks=False):
        return await send(cast, call)


async def disabled(cast: Cast, call: Call) -> httpx.Response:
    webhook_id = await MAKERS["webhook"](cast)
    await cast.owner.http.put(f"/api/webhooks/{webhook_id}", json={"enabled": False})
    return await send(cast, call, path=call.path.format(id=webhook_id))


async def of_another_webhook(cast: Cast, call: Call) -> httpx.Response:
    other = await make_delivery(cast, await MAKERS["webhook"](cast))
    return await send(cast, call, path=call.path.format(id=cast.known["webhook"], delivery_id=other))


async def no_engine(cast: Cast, call: Call) -> httpx.Response:
    parts = cast.db.parts
    before = parts.get(Speech)
    parts.add(Speech(cast.db, {}))
    try:
        return await send(cast, call)
    finally:
        parts.add(before)


async def dataset_empty(cast: Cast, call: Call) -> httpx.Response:
    made = await cast.owner.http.post("/api/training/datasets", json={"name": "Empty", "examples": []})
    return await changed(datasetId=made.json()["data"]["id"])(cast, call)


async def cannot_answer(cast: Cast, call: Call) -> httpx.Response:
    made = await cast.owner.http.post("/api/chatbots", json={"name": "Mute", "type": "ai"})
    return await send(cast, call, path=call.path.format(id=made.json()["data"]["id"]))


async def nothing_before(cast: Cast, call: Call) -> httpx.Response:
    chatbot_id = await MAKERS["chatbot"](cast)
    await cast.owner.http.post(f"/api/chatbots/{chatbot_id}/deploy")
    return await send(cast, call, path=call.path.format(id=chatbot_id))


async def conversation_closed(cast: Cast, call: Call) -> httpx.Response:
    conversation_id = await MAKERS["conversation"](cast)
    await cast.owner.http.post(f"/api/conversations/{conversation_id}/close")
    return await send(cast, call, path=call.path.format(id=conversation_id))


async def unattended(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, path=call.path.format(id=await MAKERS["conversation"](cast)))


async def not_trained_yet(cast: Cast, call: Call) -> httpx.Response:
    return await send(cast, call, path=call.path.format(id=cast.known["training"]))


REFUSALS: Mapping[str, Provoke] = {
    "template_unknown": changed(templateId=UNKNOWN),
    "dataset_unknown": changed(datasetId=UNKNOWN),
    "dataset_empty": dataset_empty,
    "version_unknown": changed(version=UNKNOWN),
    "cannot_answer": cannot_answer,
    "day_odd": queried(to="someday"),
    "period_backwards": queried(**{"from": "2026-02-01", "to": "2026-01-01"}),
    "chatbot_unknown": changed(chatbotId=UNKNOWN),
    "text_blank": changed(text="  "),
    "conversation_closed": conversation_closed,
    "example_without_intent": changed(examples=[{"text": "hello"}]),
    "example_blank": changed(examples=[{"text": "  ", "intent": "greet"}]),
    "revision_old": changed(revision=-1),
    "content_odd": changed(content={"flows": [{"id": "a", "steps": [{"do": "run", "id": "1"}]}]}),
    "nothing_before": nothing_before,
    "rating_six": changed(rating=6),
    "unattended": unattended,
    "not_trained_yet": not_trained_yet,
    "name_taken": name_taken,
    "email_malformed": changed(email="nobody"),
    "password_short": changed(password="short"),
    "email_missing": changed(email=None),
    "registration_closed": registration_closed,
    "password_wrong": changed(password="not this one"),
    "username_unknown": changed(username="nobody"),
    "second_factor_missing": second_factor_missing,
    "second_factor_wrong": second_factor_wrong,
    "too_many_sign_ins": too_many_sign_ins,
    "refresh_token_unknown": changed(refreshToken="rt_unknown.secret"),
    "refresh_token_used": refresh_token_used,
    "refresh_token_revoked": refresh_token_revoked,
    "token_missing": token_missing,
    "session_ended": session_ended,
    "second_factor_on": second_factor_on,
    "code_wrong": code_wrong,
    "not_set_up": not_set_up,
    "scope_unknown": changed(scopes=["everything"]),
    "with_a_key": with_a_key,
    "key_unknown": key_unknown,
    "scope_missing": scope_missing,
    "page_zero": queried(page="0"),
    "page_too_long": queried(pageSize="101"),
    "field_unknown": queried(fields="id,secret"),
    "name_missing": changed(name=None),
    "text_missing": changed(text=None),
    "text_mute": changed(text="…!"),
    "voice_unknown": changed(voice="nobody"),
    "not_audio": changed(audio="bm8gc291bmQgYXQgYWxs"),
    "not_base64": changed(audio="*"),
    "audio_missing": changed(audio=None),
    "language_odd": queried(language="x"),
    "no_engine": no_engine,
    "type_unknown": changed(type="parrot"),
    "unknown": unknown,
    "foreign": foreign,
    "built_in": built_in,
    "address_private": address_private,
    "event_unknown": changed(events=["moon.rose"]),
    "no_event": changed(events=[]),
    "secret_short": changed(secret="short"),
    "disabled": disabled,
    "state_unknown": queried(state="lost"),
    "of_another_webhook": of_another_webhook,
    "moment_unreadable": changed(since="yesterday"),
}
