"""Each call of the document that changes something, sent twice under one key."""

from typing import Any

import httpx
import pytest

from tests.contracts.chatbots.cast import Cast, Ready, ready
from tests.contracts.chatbots.test_document import UNSAFE, by_id
from tests.contracts.document import Call
from tests.contracts.dump import changes, dump

# What they do is their answer, and nothing is stored of it.
ANSWERS_ONLY = {"voice.tts", "voice.stt"}
# Whoever repeats it is somebody else: nobody's session is left.
ENDS_THE_CALLER = {"auth.logout"}
CALLS = [call for call in UNSAFE if not call.is_public and call.id not in ANSWERS_ONLY | ENDS_THE_CALLER]
OTHER = {"note": "for something else"}


async def _send(made: Ready, call: Call, key: str, body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return await made.sender.request(call.method, made.path, params=made.query, json=body, headers=headers)


@pytest.mark.parametrize("call", CALLS, ids=by_id)
async def test_a_call_that_is_sent_again_under_its_key_is_done_once(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    first = await _send(made, call, f"once-{call.id}", made.body)
    assert first.status_code in call.statuses, first.text
    before = dump(cast.db.stores)

    again = await _send(made, call, f"once-{call.id}", made.body)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert changes(before, dump(cast.db.stores)) == {}
    body = {**made.body, **OTHER} if isinstance(made.body, dict) else OTHER
    if call.id == "messages.send":
        body = {"text": "something else"}
    another = await _send(made, call, f"once-{call.id}", body)
    assert (another.status_code, another.json()["error"]["details"][0]["reason"]) == (
        422,
        "idempotency_key_reused",
    )


@pytest.mark.parametrize("call", CALLS, ids=by_id)
async def test_what_can_be_no_key_is_refused_and_nothing_done(call: Call, cast: Cast) -> None:
    made = await ready(cast, call)
    before = dump(cast.db.stores)
    reply = await _send(made, call, "k" * 256, made.body)
    assert (reply.status_code, reply.json()["error"]["details"][0]["reason"]) == (
        400,
        "idempotency_key_invalid",
    )
    assert changes(before, dump(cast.db.stores)) == {}
