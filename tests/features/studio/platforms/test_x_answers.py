"""What X's answers mean: each status on its side of the sending, X's own words, and until when to wait."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from botyard.features.studio.platform import AuthDead, NotSent, Post, RateLimited, Refused, Unknown
from botyard.features.studio.platforms.x import X
from botyard.kit.clock import FrozenClock
from tests.features.studio.fake_x_auth import OAUTH1

KEYS = {"oauth1": OAUTH1}
DETAIL = {"detail": "You may not do that.", "status": 403}
FORBIDDEN = "https://api.twitter.com/2/problems/client-forbidden"


def answering(status: int, body: Any = None, **headers: str) -> X:
    """X that gives every call the same answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        content = {"json": body} if isinstance(body, dict) else {"text": body or ""}
        return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()}, **content)

    return X(httpx.AsyncClient(transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (
            400,
            {"errors": [{"message": "text is too long"}], "title": "Invalid Request"},
            Refused,
            "text is too long",
        ),
        (400, "", Refused, "status 400 without a reason"),
        (401, {"title": "Unauthorized", "detail": "Unauthorized"}, AuthDead, "Unauthorized"),
        (402, {"detail": "No credits left."}, Refused, "No credits left"),
        (403, DETAIL, Refused, "You may not do that"),
        (403, {**DETAIL, "type": FORBIDDEN}, AuthDead, "You may not do that"),
        (403, {"detail": "To protect our users your account is temporarily locked."}, AuthDead, "locked"),
        (404, {"detail": "Not found."}, Refused, "Not found"),
        (429, {"detail": "Too Many Requests"}, RateLimited, "Too Many Requests"),
        (500, {"title": "Internal Server Error"}, Unknown, "status 500"),
        (502, "<html>bad gateway</html>", Unknown, "status 502"),
        (301, "", Unknown, "status 301"),
        (200, "not json", Unknown, "no JSON"),
        (201, {"data": []}, Unknown, "without data"),
        (201, {"errors": [{"detail": "odd"}]}, Unknown, "without data"),
    ],
)
async def test_each_answer_says_on_which_side_it_was(
    status: int, body: Any, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as raised:
        await answering(status, body).post(KEYS, Post("hello"), "k")

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x_rate_limit_reset": "{now+300}"}, 300),
        ({"x_rate_limit_reset": "{now-300}"}, 1),
        ({"x_rate_limit_reset": "{now+9999999}"}, 86_400),
        ({"x_rate_limit_reset": "soon"}, 900),
        ({"x_rate_limit_reset": "9" * 30}, 900),
        ({"retry_after": "40"}, 40),
        ({}, 900),
    ],
)
async def test_a_limit_ends_when_x_says_within_reason(
    clock: FrozenClock, headers: dict[str, str], wait: int
) -> None:
    def written(text: str) -> str:
        offset = text.removeprefix("{now").removesuffix("}")
        return str(int(clock.now().timestamp()) + int(offset)) if text.startswith("{now") else text

    x = answering(429, {"detail": "Too Many Requests"}, **{k: written(v) for k, v in headers.items()})

    with pytest.raises(RateLimited) as raised:
        await x.verify(KEYS)

    assert raised.value.until == clock.now() + timedelta(seconds=wait)
    assert raised.value.retry_after_s == wait


async def test_x_s_words_are_cut_and_their_secrets_hidden() -> None:
    long = "Bearer abcdefghijklmnop refused. " + "very " * 200

    with pytest.raises(Refused) as raised:
        await answering(403, {"detail": long}).post(KEYS, Post("hello"), "k")

    assert "abcdefghijklmnop" not in str(raised.value)
    assert len(str(raised.value)) < 400


async def test_reads_do_not_speak_of_what_may_have_happened() -> None:
    with pytest.raises(Unknown) as raised:
        await answering(500).verify(KEYS)

    assert "may have happened" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, AuthDead),
        (401, {"error": "invalid_client"}, AuthDead),
        (429, {}, RateLimited),
        (500, {}, NotSent),
        (200, {"token_type": "bearer"}, NotSent),
        (200, "nonsense", NotSent),
    ],
)
async def test_only_a_refused_grant_makes_credentials_dead(
    status: int, body: Any, kind: type[Exception]
) -> None:
    keys = {"client_id": "c", "refresh_token": "r"}

    with pytest.raises(kind) as raised:
        await answering(status, body).renew(keys)

    assert type(raised.value) is kind


@pytest.mark.parametrize("given", ["", None])
async def test_an_empty_refresh_token_never_replaces_a_stored_one(clock: FrozenClock, given: Any) -> None:
    x = answering(200, {"access_token": "new", "refresh_token": given, "expires_in": 7200})

    fresh = await x.renew({"client_id": "c", "refresh_token": "kept", "access_token": "old"})

    assert fresh["oauth2"]["refresh_token"] == "kept"
    assert datetime.fromisoformat(fresh["oauth2"]["expires_at"]) == clock.now() + timedelta(seconds=7200)


async def test_renewing_leaves_the_keys_of_the_other_way_alone() -> None:
    x = answering(200, {"access_token": "new"})

    fresh = await x.renew({"oauth1": {}, "oauth2": {"client_id": "c", "refresh_token": "r"}, "note": 1})

    assert fresh["oauth1"] == {}
    assert fresh["note"] == 1
    assert fresh["oauth2"]["access_token"] == "new"


@pytest.mark.parametrize("name", ["repost_count", "retweet_count"])
async def test_reposts_are_read_under_both_names(name: str) -> None:
    x = answering(200, {"data": [{"id": "1", "public_metrics": {name: 5}}]})

    (found,) = await x.metrics(KEYS, ["1"])

    assert (found.shares, found.likes) == (5, None)
