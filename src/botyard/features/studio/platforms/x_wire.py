"""Requests to X and what its answers mean, above all: on which side of the sending a failure was."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from oauthlib import oauth1

from botyard.features.studio.platform import AuthDead, NotSent, RateLimited, Refused, Unknown
from botyard.features.studio.platforms.x_credentials import Application, OAuth1, OAuth2
from botyard.kit import clock, crypto
from botyard.kit.http import AddressRefused, NameUnknown, OutgoingFailed, PeerTooSlow, PeerUnreachable
from botyard.kit.redaction import redact_text

_CONNECT_S = 8.0  # well below the whole, so that "never connected" is told apart from "never answered"
_PAUSE = timedelta(minutes=15)  # X's usual window, where it does not say when the next one begins
_LONGEST_PAUSE = timedelta(days=1)
_MOST_SAID = 300  # characters of X's own words in an error

# Endings of `type` in X's 403 answers that speak of the credentials and not of what was asked.
_OF_CREDENTIALS = ("client-forbidden", "unsupported-authentication", "oauth1-permissions")
_DEAD_WORDS = ("suspended", "temporarily locked", "not permitted to access", "oauth1 app permissions")


@dataclass(frozen=True, slots=True)
class Request:
    """One call, before it is signed."""

    method: str
    url: str
    body: Mapping[str, Any] | None = None


async def send(
    http: httpx.AsyncClient, keys: OAuth1 | OAuth2, request: Request, *, missing_ok: bool
) -> dict[str, Any] | None:
    """X's answer; None for what X does not have, where that is no error. One attempt."""
    # A connection that was left open may be gone without notice, and then nobody knows whether X read the call.
    headers = {"Authorization": _signature(keys, request), "Connection": "close"}
    content = None
    if request.body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(request.body, ensure_ascii=False).encode()
    reply = await _exchange(http, request.method, request.url, headers, content)
    if reply.status_code == 404 and missing_ok:
        return None
    if not reply.is_success:
        raise _failure(reply, request.method)
    return _parsed(reply)


async def ask_token(
    http: httpx.AsyncClient, url: str, app: Application, grant: Mapping[str, str]
) -> dict[str, Any]:
    """Tokens from X's OAuth 2 endpoint. Only a refusal of the grant itself raises AuthDead: whatever else goes
    wrong has made nobody's post, and is NotSent or RateLimited."""
    headers = {"Connection": "close", "Content-Type": "application/x-www-form-urlencoded"}
    form = dict(grant)
    if app.client_secret:
        pair = f"{quote(app.client_id, safe='')}:{quote(app.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = app.client_id
    try:
        reply = await _exchange(http, "POST", url, headers, str(httpx.QueryParams(form)).encode())
        if reply.is_success:
            return _tokens(reply)
    except Unknown:
        raise NotSent("X did not answer when it was asked for a new access token; try again later.") from None
    if reply.status_code == 429:
        raise _failure(reply, "POST")
    if reply.status_code >= 500:
        raise NotSent(f"X could not give a new access token (status {reply.status_code}); try again later.")
    raise AuthDead(f"X refuses to renew or give access: {_said(reply)} Connect the account again.")


async def _exchange(
    http: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], content: bytes | None
) -> httpx.Response:
    timeout = httpx.Timeout(http.timeout.read, connect=_CONNECT_S)
    try:
        return await http.request(method, url, headers=dict(headers), content=content, timeout=timeout)
    except (AddressRefused, NameUnknown, PeerUnreachable) as error:
        raise NotSent(f"X could not be reached, so nothing happened. {error}") from None
    except OutgoingFailed as error:
        how = "took too long to answer" if isinstance(error, PeerTooSlow) else "did not answer clearly"
        raise Unknown(f"X {how}{_so(method)}.") from None


def _signature(keys: OAuth1 | OAuth2, request: Request) -> str:
    if isinstance(keys, OAuth2):
        return f"Bearer {keys.access_token}"
    client = oauth1.Client(
        keys.consumer_key,
        client_secret=keys.consumer_secret,
        resource_owner_key=keys.token,
        resource_owner_secret=keys.token_secret,
        nonce=crypto.base62(clock.token_bytes(16), 22),
        timestamp=str(int(clock.now().timestamp())),
    )
    # JSON bodies are not part of what OAuth 1.0a signs.
    _url, headers, _body = client.sign(request.url, http_method=request.method)
    return str(headers["Authorization"])


def _so(method: str) -> str:
    """What an answer that is missing means for the one who asked."""
    return "" if method == "GET" else ", so this may have happened or not"


def _failure(reply: httpx.Response, method: str) -> Exception:
    status, said = reply.status_code, _said(reply)
    if status == 401:
        return AuthDead(
            f"X does not accept these credentials: {said} Store new ones, or connect the account again."
        )
    if status == 403 and _is_of_credentials(reply):
        return AuthDead(f"X does not let these credentials do that: {said}")
    if status == 429:
        until = _until(reply)
        return RateLimited(until, f"X accepts no more calls until {until:%Y-%m-%d %H:%M} UTC: {said}")
    if status >= 500 or status < 400:
        return Unknown(f"X answered with status {status}{_so(method)}: {said}")
    return Refused(f"X refused this: {said}")


def _is_of_credentials(reply: httpx.Response) -> bool:
    body = _json(reply)
    kind, detail = str(body.get("type", "")), str(body.get("detail", "")).lower()
    return kind.endswith(_OF_CREDENTIALS) or any(words in detail for words in _DEAD_WORDS)


def _until(reply: httpx.Response) -> datetime:
    """When X takes calls again, within reason: X says it in seconds since 1970, or how long to wait."""
    now = clock.now()
    reset, wait = reply.headers.get("x-rate-limit-reset", ""), reply.headers.get("retry-after", "")
    if reset.isascii() and reset.isdigit() and len(reset) < 12:
        until = datetime.fromtimestamp(int(reset), UTC)
    elif wait.isascii() and wait.isdigit() and len(wait) < 8:
        until = now + timedelta(seconds=int(wait))
    else:
        until = now + _PAUSE
    return min(max(until, now + timedelta(seconds=1)), now + _LONGEST_PAUSE)


def _said(reply: httpx.Response) -> str:
    """X's own words for people, without what looks like a secret."""
    body = _json(reply)
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = (
        body.get("detail"),
        body.get("error_description"),
        first.get("detail"),
        first.get("message"),
        body.get("message"),
        body.get("title"),
        body.get("error"),
    )
    text = next((word for word in words if isinstance(word, str) and word.strip()), "")
    text = " ".join(redact_text(text[:2000]).split())[:_MOST_SAID]
    text = text or f"status {reply.status_code} without a reason"
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _parsed(reply: httpx.Response) -> dict[str, Any]:
    body = _json(reply)
    if not body:
        raise Unknown("X answered with something that is no JSON object; look there whether it happened.")
    return body


def _tokens(reply: httpx.Response) -> dict[str, Any]:
    body = _json(reply)
    if not isinstance(body.get("access_token"), str) or not body["access_token"]:
        raise NotSent("X answered without an access token when it was asked for one; try again later.")
    return body


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
