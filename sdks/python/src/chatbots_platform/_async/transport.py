"""Sends calls: credentials, time limits, repetition, and what the envelope holds."""

import asyncio
import os
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from chatbots_platform.calls import Call, pause_s
from chatbots_platform.credentials import Credentials, Kind
from chatbots_platform.errors import (
    ChatbotsError,
    NotAuthenticated,
    TimedOut,
    Unreachable,
    from_answer,
)
from chatbots_platform.types import RateLimit, Tokens

DEFAULT_BASE_URL = "http://localhost:3000/api"


@dataclass
class AsyncTransport:
    """One connection pool to one server, with one set of credentials."""

    credentials: Credentials
    http: httpx.AsyncClient
    base_url: str
    retries: int = 3
    retry_delay_s: float = 0.25
    max_retry_after_s: float = 65.0  # the limits count by the minute
    rate_limit: RateLimit | None = None
    _renewal: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def data(self, call: Call) -> Any:
        """The `data` of the answer; None where the answer has no body."""
        response = await self.send(call)
        if response.status_code == 204 or not response.content:
            return None
        try:
            envelope = response.json()
        except ValueError:
            envelope = None
        if not isinstance(envelope, dict) or envelope.get("status") != "success":
            raise ChatbotsError(
                "The answer is not of the Chatbots Platform; look at base_url.", status=response.status_code
            )
        return envelope.get("data")

    async def send(self, call: Call, *, stream: bool = False) -> httpx.Response:
        """The answer, after as many tries as it takes; of a stream, its body is still to be read."""
        prepared = replace(call, headers=call.prepared_headers(), query=call.prepared_query())
        earlier: list[ChatbotsError] = []
        while True:
            try:
                return await self._authorized(prepared, stream)
            except ChatbotsError as error:
                if call.was_done(error, earlier):
                    return httpx.Response(204)
                if len(earlier) >= self.retries or not call.may_repeat(error):
                    raise
                pause = pause_s(
                    len(earlier),
                    error,
                    delay_s=self.retry_delay_s,
                    max_retry_after_s=self.max_retry_after_s,
                )
                earlier.append(error)
            await asyncio.sleep(pause)

    async def _authorized(self, call: Call, stream: bool) -> httpx.Response:
        """One try, with another credential or a renewed token where the first one is refused."""
        kinds = [] if call.anonymous else self.credentials.kinds(about_account=call.about_account)
        if not kinds:
            return await self._attempt(call, stream, {})
        try:
            return await self._with_renewal(call, stream, kinds[0])
        except NotAuthenticated:
            if len(kinds) == 1:
                raise
        response = await self._with_renewal(call, stream, kinds[1])
        self.credentials.refused.add(kinds[0])
        return response

    async def _with_renewal(self, call: Call, stream: bool, kind: Kind) -> httpx.Response:
        if kind == "api_key":
            return await self._attempt(call, stream, self.credentials.headers(kind))
        if self.credentials.stale:
            await self.renew(self.credentials.access_token)
        used = self.credentials.access_token
        try:
            return await self._attempt(call, stream, self.credentials.headers(kind))
        except NotAuthenticated:
            if not await self.renew(used):
                raise
        return await self._attempt(call, stream, self.credentials.headers(kind))

    async def renew(self, used: str | None) -> bool:
        """Whether there is another access token than `used` now.

        Calls that need one at the same time share one renewal: a refresh token may be used only once.
        """
        async with self._renewal:
            if self.credentials.access_token != used:
                return self.credentials.access_token is not None
            if not self.credentials.refresh_token:
                return False
            try:
                tokens: Tokens = await self.data(_refresh(self.credentials.refresh_token))
            except NotAuthenticated:
                self.credentials.refresh_token = None  # it ended: sign in again
                raise
            self.credentials.keep(tokens)
        if self.credentials.on_tokens is not None:
            self.credentials.on_tokens(tokens)
        return True

    async def _attempt(self, call: Call, stream: bool, credentials: dict[str, str]) -> httpx.Response:
        request = self.http.build_request(
            call.method,
            self.base_url + call.path,
            params=call.query,
            json=call.body,
            headers={**call.headers, **credentials},
        )
        try:
            response = await self.http.send(request, stream=True, follow_redirects=False)
            if not (stream and response.is_success):
                await response.aread()
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        self._note_limits(response)
        if response.is_redirect:  # following it could carry the credentials to somebody else
            target = response.headers.get("location")
            raise ChatbotsError(
                f"The server is elsewhere: {target}. Change base_url.", status=response.status_code
            )
        if not response.is_success:
            raise from_answer(response.status_code, response.headers, response.content)
        return response

    def _note_limits(self, response: httpx.Response) -> None:
        told = [response.headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
        if all(value.isdecimal() for value in told):
            limit, remaining, reset = map(int, told)
            self.rate_limit = {"limit": limit, "remaining": remaining, "reset": reset}


def unreachable(error: httpx.HTTPError) -> Unreachable:
    """What the caller is told of an error of httpx."""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"No answer came in time: {type(error).__name__}.")
    return Unreachable(f"The server cannot be reached: {error or type(error).__name__}")


def read_base_url(base_url: str | None) -> str:
    """The address that paths are added to. Raises ValueError for what is none."""
    text = base_url or os.environ.get("CHATBOTS_BASE_URL") or DEFAULT_BASE_URL
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is not an http or https address.")
    place = parts.netloc.rpartition("@")[2]  # httpx would send a name in the address as a credential
    return f"{parts.scheme}://{place}{parts.path}".rstrip("/")


def _refresh(refresh_token: str) -> Call:
    # a refresh token that is shown twice ends the session
    return Call(
        "POST",
        "/auth/refresh",
        body={"refreshToken": refresh_token},
        anonymous=True,
        repeat="if_not_done",
    )
