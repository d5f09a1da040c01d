"""What the clients for Python do, against a server that answers as told."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import chatbots_platform as sdk
from tests.sdks.conftest import all_of, done
from tests.sdks.fake_server import LOST, Asked, FakeServer, Given, ok, refused

Make = Callable[..., Any]


async def test_a_call_carries_the_key_and_answers_what_the_envelope_holds(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, _number: ok({"id": "bot_1", "name": "Support"}, 201)

    bot = await done(make_client().chatbots.create(name="Support", type="hybrid"))

    assert bot == {"id": "bot_1", "name": "Support"}
    [call] = server.asked
    assert (call.method, call.path, call.json) == (
        "POST",
        "/api/chatbots",
        {"name": "Support", "type": "hybrid"},
    )
    assert call.headers["x-api-key"] == "key"
    assert len(call.headers["idempotency-key"]) == 32


async def test_every_call_of_the_document_goes_to_its_path(server: FakeServer, make_client: Make) -> None:
    server.answer = lambda asked, _number: Given(204) if asked.method == "DELETE" else ok({"items": []})
    client = make_client(access_token="token")
    calls = {
        "POST /api/auth/register": client.auth.register(username="a", email="b", password="c"),
        "POST /api/auth/mfa/setup": client.auth.mfa.setup(),
        "POST /api/auth/mfa/verify": client.auth.mfa.verify("123456"),
        "POST /api/auth/api-keys": client.api_keys.create(name="ci"),
        "GET /api/auth/api-keys": client.api_keys.list(),
        "DELETE /api/auth/api-keys/k": client.api_keys.delete("k"),
        "GET /api/chatbots": client.chatbots.list(),
        "GET /api/chatbots/b%2F1": client.chatbots.get("b/1"),
        "PUT /api/chatbots/b": client.chatbots.update("b", name="n"),
        "DELETE /api/chatbots/b": client.chatbots.delete("b"),
        "POST /api/chatbots/b/train": client.chatbots.train("b", dataset_id="d"),
        "POST /api/chatbots/b/deploy": client.chatbots.deploy("b"),
        "POST /api/chatbots/b/rollback": client.chatbots.rollback("b"),
        "GET /api/chatbots/b/versions": client.chatbots.versions("b"),
        "GET /api/chatbots/b/content": client.chatbots.content("b"),
        "PUT /api/chatbots/b/content": client.chatbots.replace_content("b", {}),
        "GET /api/chatbots/b/analytics": client.chatbots.analytics("b", from_=datetime(2026, 1, 1, tzinfo=UTC)),
        "GET /api/conversations": client.conversations.list(chatbotId="b"),
        "POST /api/conversations": client.conversations.create(chatbot_id="b"),
        "GET /api/conversations/c": client.conversations.get("c"),
        "GET /api/conversations/c/messages": client.conversations.messages("c", page=2),
        "POST /api/conversations/c/messages": client.conversations.send_message("c", "hi"),
        "POST /api/conversations/c/close": client.conversations.close("c"),
        "POST /api/conversations/c/rating": client.conversations.rate("c", 5),
        "GET /api/conversations/c/trace": client.conversations.trace("c"),
        "POST /api/templates": client.templates.create(name="t"),
        "PUT /api/templates/t": client.templates.update("t", content={}),
        "POST /api/training/datasets": client.training.datasets.create(name="d", examples=[]),
        "PUT /api/training/datasets/d": client.training.datasets.update("d", name="e"),
        "POST /api/training/jobs": client.training.jobs.create(chatbot_id="b", dataset_id="d"),
        "GET /api/training/jobs/j": client.training.jobs.get("j"),
        "POST /api/training/jobs/j/cancel": client.training.jobs.cancel("j"),
        "GET /api/training/jobs/j/report": client.training.jobs.report("j"),
        "GET /api/webhooks/w/deliveries/d": client.webhooks.delivery("w", "d"),
        "POST /api/voice/tts": client.voice.tts("hi"),
        "POST /api/voice/stt": client.voice.stt(b"\xff\x00"),
        "GET /api/voice/voices": client.voice.voices(),
        "GET /api/health/liveness": client.health.liveness(),
        "GET /api/health/readiness": client.health.readiness(),
        "GET /api/health/metrics": client.health.metrics(),
        "POST /api/webhooks": client.webhooks.create(url="u", events=["message.received"]),
        "PUT /api/webhooks/w": client.webhooks.update("w", events=[]),
        "POST /api/webhooks/w/test": client.webhooks.test("w"),
        "POST /api/webhooks/w/rotate-secret": client.webhooks.rotate_secret("w"),
        "GET /api/webhooks/w/deliveries": client.webhooks.deliveries("w"),
        "POST /api/webhooks/w/deliveries/d/replay": client.webhooks.replay("w", "d"),
        "POST /api/webhooks/w/replay": client.webhooks.replay_since("w", datetime(2026, 1, 1, tzinfo=UTC)),
    }  # fmt: skip
    for call in calls.values():
        await done(call)

    asked = {f"{call.method} {call.path}": call for call in server.asked}
    assert sorted(asked) == sorted(calls)
    assert asked["GET /api/chatbots/b/analytics"].query == {"from": "2026-01-01T00:00:00Z"}
    assert asked["POST /api/voice/stt"].json == {"audio": "/wA="}
    assert asked["GET /api/auth/api-keys"].headers["authorization"] == "Bearer token"
    assert "x-api-key" not in asked["GET /api/auth/api-keys"].headers


async def test_an_id_that_would_change_the_path_is_refused(make_client: Make) -> None:
    for item_id in ("", ".", ".."):
        with pytest.raises(ValueError, match="is no id"):
            await done(make_client().chatbots.get(item_id))


async def test_a_passing_failure_is_repeated_under_the_same_key(
    server: FakeServer, make_client: Make
) -> None:
    answers = [LOST, refused(503, "busy"), refused(409, "at work", Retry_After="0"), ok({"id": "cnv_1"})]
    server.answer = lambda _asked, number: answers[number - 1]

    assert await done(make_client().conversations.create(chatbot_id="b")) == {"id": "cnv_1"}

    assert len(server.asked) == 4
    assert len({call.headers["idempotency-key"] for call in server.asked}) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, sdk.BadRequest),
        (403, sdk.Forbidden),
        (404, sdk.NotFound),
        (409, sdk.Conflict),
        (422, sdk.ValidationFailed),
        (500, sdk.ServerFailed),
    ],
)
async def test_what_no_repetition_can_mend_is_not_repeated(
    server: FakeServer, make_client: Make, code: int, kind: type[sdk.ChatbotsError]
) -> None:
    server.answer = lambda _asked, _number: refused(code, "in words", details=[{"field": "name"}])

    with pytest.raises(kind, match="in words") as failed:
        await done(make_client().chatbots.create(name="x"))

    assert (failed.value.status, failed.value.details) == (code, [{"field": "name"}])
    assert len(server.asked) == 1


async def test_signing_in_is_repeated_only_when_nothing_was_done(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, number: refused(429, "slow", Retry_After="0") if number == 1 else LOST

    with pytest.raises(sdk.Unreachable):
        await done(make_client().auth.login(username="ann", password="a password"))

    assert len(server.asked) == 2


async def test_retry_after_is_honoured_and_told_when_it_is_too_long(
    server: FakeServer, make_client: Make
) -> None:
    answers = [refused(429, "slow", Retry_After="1"), ok([]), refused(429, "slower", Retry_After="90")]
    server.answer = lambda _asked, number: answers[number - 1]
    client, began = make_client(), time.monotonic()

    await done(client.chatbots.list())

    assert time.monotonic() - began >= 1.0
    with pytest.raises(sdk.RateLimited) as limited:
        await done(client.chatbots.list())
    assert limited.value.retry_after_s == 90


async def test_a_delete_whose_answer_was_lost_has_done_its_work(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, number: LOST if number == 1 else refused(404, "none")
    client = make_client()

    assert await done(client.chatbots.delete("b")) is None
    with pytest.raises(sdk.NotFound):
        await done(client.chatbots.delete("b"))


async def test_no_answer_and_no_answer_in_time_are_told_apart(server: FakeServer, make_client: Make) -> None:
    def late(_asked: Asked, _number: int) -> Given:
        time.sleep(0.2)
        return ok([])

    server.answer = late
    with pytest.raises(sdk.TimedOut):
        await done(make_client(timeout_s=0.05, retries=0).chatbots.list())
    with pytest.raises(sdk.Unreachable) as failed:
        await done(make_client(base_url="http://127.0.0.1:9/api", retries=0).chatbots.list())
    assert not isinstance(failed.value, sdk.TimedOut)


async def test_pages_follow_each_other_and_keep_what_was_asked(server: FakeServer, make_client: Make) -> None:
    def page(asked: Asked, _number: int) -> Given:
        number = int(asked.query.get("page", 1))
        following = f"/elsewhere/api/chatbots?page={number + 1}&pageSize=2&fields=id" if number < 3 else None
        return ok({"items": [{"id": f"b{number}"}], "pagination": {"next": following}})

    server.answer = page

    bots = await all_of(make_client().chatbots.iterate(page_size=2, fields=["id"]))

    assert [bot["id"] for bot in bots] == ["b1", "b2", "b3"]
    assert server.asked[2].query == {"page": "3", "pageSize": "2", "fields": "id"}
    assert {call.path for call in server.asked} == {"/api/chatbots"}


async def test_a_next_page_that_is_the_same_page_ends_in_an_error(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, _number: ok({"items": [], "pagination": {"next": "/api/chatbots?page=1"}})

    with pytest.raises(sdk.ChatbotsError, match="same page"):
        await all_of(make_client().chatbots.pages())


def session(asked: Asked, _number: int) -> Given:
    """A server on which "old" has run out, and "refresh-1" is good for one renewal."""
    if asked.path == "/api/auth/refresh":
        if asked.json["refreshToken"] != "refresh-1":
            return refused(401, "used up")
        return ok({"accessToken": "new", "refreshToken": "refresh-2", "expiresIn": 3600})
    return ok([]) if asked.headers.get("authorization") == "Bearer new" else refused(401, "expired")


async def test_an_expired_token_is_renewed_once_for_all(server: FakeServer, make_client: Make) -> None:
    server.answer = session
    kept: list[str] = []
    client = make_client(
        api_key=None,
        access_token="old",
        refresh_token="refresh-1",
        on_tokens=lambda tokens: kept.append(tokens["refreshToken"]),
    )

    calls = [client.chatbots.list] * 3
    if isinstance(client, sdk.ChatbotsClient):
        await asyncio.gather(*(asyncio.to_thread(call) for call in calls))
    else:
        await asyncio.gather(*(call() for call in calls))

    assert [call.path for call in server.asked].count("/api/auth/refresh") == 1
    assert kept == ["refresh-2"]


async def test_a_session_that_ended_says_so(server: FakeServer, make_client: Make) -> None:
    server.answer = session
    with pytest.raises(sdk.NotAuthenticated, match="used up"):
        await done(make_client(api_key=None, refresh_token="stolen").chatbots.list())


async def test_of_a_key_and_a_token_the_one_that_is_accepted_is_used(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = session
    client = make_client(api_key="wrong", access_token="new")

    for _ in range(2):
        await done(client.chatbots.list())

    assert len(server.asked) == 3


async def test_signing_in_gives_the_tokens_and_signing_out_takes_them(
    server: FakeServer, make_client: Make
) -> None:
    tokens = {"accessToken": "A", "refreshToken": "R", "expiresIn": 3600}
    server.answer = lambda asked, _number: Given(204) if asked.path.endswith("logout") else ok(tokens)
    client = make_client(api_key=None)

    await done(client.auth.login(username="ann", password="a password", mfa_code="123456"))
    await done(client.chatbots.list())
    await done(client.auth.logout())
    await done(client.chatbots.list())

    shown = [call.headers.get("authorization") for call in server.asked]
    assert shown == [None, "Bearer A", "Bearer A", None]
    assert server.asked[0].json == {"username": "ann", "password": "a password", "mfaCode": "123456"}
    assert server.asked[2].json == {"refreshToken": "R"}


async def test_a_redirect_is_not_followed_with_the_credentials(server: FakeServer, make_client: Make) -> None:
    with FakeServer() as other:
        server.answer = lambda _asked, _number: Given(307, headers={"Location": f"{other.url}/chatbots"})
        with pytest.raises(sdk.ChatbotsError, match="elsewhere"):
            await done(make_client().chatbots.list())
        assert other.asked == []


async def test_an_answer_that_is_none_of_this_platform_is_said_to_be_so(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, _number: Given(body=b"<html>")
    with pytest.raises(sdk.ChatbotsError, match="base_url"):
        await done(make_client().chatbots.list())


async def test_a_printed_client_shows_no_secret(make_client: Make) -> None:
    client = make_client(api_key="s3cr3t", access_token="s3cr3t", refresh_token="s3cr3t")
    assert "s3cr3t" not in repr(client) + repr(client._transport) + repr(vars(client))


async def test_the_rate_limit_of_the_last_answer_can_be_read(server: FakeServer, make_client: Make) -> None:
    told = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "95", "X-RateLimit-Reset": "1620000000"}
    server.answer = lambda _asked, _number: ok([], **told)
    client = make_client()
    await done(client.chatbots.list())
    assert client.rate_limit == {"limit": 100, "remaining": 95, "reset": 1620000000}


async def test_waiting_for_a_job_tells_its_progress_and_fails_with_it(
    server: FakeServer, make_client: Make
) -> None:
    states = ["queued", "running", "running", "completed", "failed"]
    server.answer = lambda _asked, number: ok(
        {"id": "j", "status": states[number - 1], "error": "too few examples"}
    )
    client, told = make_client(), []

    job = await done(
        client.training.jobs.wait("j", interval_s=0.001, on_progress=lambda job: told.append(job["status"]))
    )

    assert (job["status"], told) == ("completed", ["queued", "running", "completed"])
    with pytest.raises(sdk.TrainingFailed, match="too few examples"):
        await done(client.training.jobs.wait("j"))


async def test_audio_comes_as_bytes(server: FakeServer, make_client: Make) -> None:
    server.answer = lambda _asked, _number: Given(body=b"RIFF\xff", headers={"Content-Type": "audio/wav"})
    assert await done(make_client().voice.tts_audio("hi")) == b"RIFF\xff"
    assert server.asked[0].headers["accept"] == "audio/*"


def test_the_base_address_comes_from_the_environment_where_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHATBOTS_BASE_URL", raising=False)
    with sdk.ChatbotsClient() as client:
        assert client.base_url == "http://localhost:3000/api"
    monkeypatch.setenv("CHATBOTS_BASE_URL", "https://bots.example.com/chatbots/api/")
    with sdk.ChatbotsClient() as client:
        assert client.base_url == "https://bots.example.com/chatbots/api"
    with sdk.ChatbotsClient(base_url="http://name:word@localhost:8000/api") as client:
        assert client.base_url == "http://localhost:8000/api"
    with pytest.raises(ValueError, match="http or https"):
        sdk.ChatbotsClient(base_url="ftp://example.com")


# -- streams

FINAL = {"message": {"id": "m1", "text": "hi"}, "reply": {"id": "m2", "text": "Grüß dich"}}
LAST = f"event: message\ndata: {json.dumps(FINAL)}\n\n".encode()


def streamed(*chunks: bytes, cut: bool = False) -> Given:
    return Given(headers={"Content-Type": "text/event-stream"}, chunks=list(chunks), cut=cut)


async def test_tokens_come_as_they_are_written_and_the_whole_reply_at_last(
    server: FakeServer, make_client: Make
) -> None:
    token = 'event: token\ndata: {"text":"Grüß\u2028"}\n\n'.encode()
    middle = token.index(b"\xc3") + 1  # in the middle of a letter
    parts = (
        b": still there\r\n\r\nevent:token\r",
        b'\ndata:{"text":\r\ndata:" dich"}\r\n\r\nevent: x\ndata: y\n\n',
    )
    server.answer = lambda _asked, _number: streamed(token[:middle], token[middle:], *parts, LAST)

    events = await all_of(make_client().conversations.stream("c", "hi"))

    assert events == [
        {"type": "token", "text": "Grüß\u2028"},
        {"type": "token", "text": " dich"},
        {"type": "message", **FINAL},
    ]
    [call] = server.asked
    assert (call.headers["accept"], call.json) == ("text/event-stream", {"text": "hi"})
    assert call.headers["idempotency-key"]


async def test_a_stream_that_fails_or_breaks_off_is_no_reply(server: FakeServer, make_client: Make) -> None:
    half = b'event: token\ndata: {"text":"a"}\n\nevent: message\ndata: {"mess'
    told = b'event: error\ndata: {"code":503,"message":"The model is away."}\n\n'
    answers = [streamed(told), streamed(half), streamed(half, cut=True)]
    server.answer = lambda _asked, number: answers[number - 1]
    client = make_client()

    with pytest.raises(sdk.ChatbotsError, match="The model is away") as failed:
        await all_of(client.conversations.stream("c", "hi"))
    assert failed.value.status == 503
    for _ in range(2):
        with pytest.raises(sdk.Unreachable):
            await all_of(client.conversations.stream("c", "hi"))


async def test_a_server_that_does_not_stream_is_understood_and_so_is_its_refusal(
    server: FakeServer, make_client: Make
) -> None:
    server.answer = lambda _asked, number: ok(FINAL, 201) if number == 1 else refused(404, "none")
    client = make_client()

    assert await all_of(client.conversations.stream("c", "hi")) == [{"type": "message", **FINAL}]
    with pytest.raises(sdk.NotFound):
        await all_of(client.conversations.stream("c", "hi"))
