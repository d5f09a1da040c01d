"""X, by its API v2.

Sources: X's OpenAPI description 2.167 and its pages on OAuth, prices, rate limits and counting characters, read
2026-11-25. Tested against a server made from that description; never run against X itself.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from botyard.core.jobs import Receipt, Verdict
from botyard.features.studio.platform import (
    Account,
    AuthDead,
    AuthKind,
    Cap,
    Consent,
    Credentials,
    Limits,
    Metrics,
    Post,
    Price,
    Unknown,
)
from botyard.features.studio.platforms import x_credentials, x_text, x_wire
from botyard.kit import clock, crypto
from botyard.kit.errors import Invalid
from botyard.kit.http import guarded_client

SITE = "https://x.com"
API = "https://api.x.com"
SCOPES = "tweet.read tweet.write users.read offline.access"
TIMEOUT_S = 20.0

_PRICES = "https://docs.x.com/x-api/getting-started/pricing"
_REVIEWED = date(2026, 11, 25)
_LONGEST = 25_000  # of any text that is measured at all
_LOOKED_AT = 5  # posts on the timeline, the fewest that X lets one ask for; each costs
_CLOCKS_APART = timedelta(minutes=2)  # how far X's clock may be from ours


def _price(usd: str, per: str) -> Price:
    return Price(Decimal(usd), per, _PRICES, _REVIEWED)


class X:
    """The connector. `api` and `site` are X's own addresses; tests put others there."""

    platform = "x"
    label = "X"
    caps = frozenset({Cap.post, Cap.delete, Cap.metrics, Cap.lookup})
    auth = frozenset({AuthKind.oauth1, AuthKind.oauth2})
    limits = Limits(x_text.LIMIT, x_text.length)
    api_version = "2"
    settles_s = 15.0
    # Where X's page leaves open which of two prices a call has, the dearer one, because the cap must hold: what an
    # account reads of itself may cost a fifth of this if the application belongs to it too.
    prices: Mapping[str, Price] = {
        "verify": _price("0.010", "call"),
        "post": _price("0.015", "post"),
        "post_with_url": _price("0.200", "post with an address in it"),
        "delete": _price("0.010", "call"),
        "metrics": _price("0.005", "post"),
        "exists": _price("0.005", "call"),
        "lookup": _price("0.035", "call, which reads the account and at most five of its posts"),
    }

    def __init__(self, http: httpx.AsyncClient | None = None, *, api: str = API, site: str = SITE) -> None:
        self._http = http
        self._api = api.rstrip("/")
        self._site = site.rstrip("/")

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    # --- what needs no call ---------------------------------------------------------------------------

    def check(self, post: Post) -> None:
        """Raise Invalid for a post that is empty or too long as X counts."""
        if not post.text.strip():
            raise Invalid("A post needs a text.", details={"field": "text"})
        size = x_text.length(post.text) if len(post.text) <= _LONGEST else len(post.text)
        if size > self.limits.text:
            raise Invalid(
                f"X counts {size} characters in this text and takes {self.limits.text}; make it shorter.",
                details={"field": "text"},
            )

    def call_for(self, post: Post) -> str:
        """A post with an address in it costs more than ten times as much."""
        return "post_with_url" if x_text.has_url(post.text) else "post"

    def stale(self, credentials: Credentials) -> bool:
        """Whether the access token has run out and can be renewed."""
        keys = x_credentials.read(credentials)
        return isinstance(keys, x_credentials.OAuth2) and keys.stale

    def renewable(self, credentials: Credentials) -> bool:
        """Whether there is a refresh token, and the application to use it."""
        keys = x_credentials.read(credentials)
        return isinstance(keys, x_credentials.OAuth2) and keys.renewable

    # --- calls ----------------------------------------------------------------------------------------

    async def verify(self, credentials: Credentials) -> Account:
        """Who the credentials act for."""
        reply = await self._call(
            credentials, "GET", "/2/users/me", {"user.fields": "id,name,username,public_metrics"}
        )
        user = _object(reply, "data")
        handle = str(user.get("username", ""))
        followers = (user.get("public_metrics") or {}).get("followers_count")
        return Account(
            str(user.get("id", "")), f"@{handle}", str(user.get("name", "")), f"{SITE}/{handle}", followers
        )

    async def post(self, credentials: Credentials, post: Post, key: str) -> Receipt:
        """Publish. X knows no key of ours: whether an interrupted call happened is told by `lookup`."""
        body: dict[str, Any] = {"text": post.text}
        if post.made_with_ai:
            body["made_with_ai"] = True
        made = _object(await self._call(credentials, "POST", "/2/tweets", body=body), "data")
        return _receipt(str(made["id"]), post.text)

    async def delete(self, credentials: Credentials, post_id: str) -> Receipt:
        """Take a post back; one that is gone already counts as deleted."""
        path = f"/2/tweets/{quote(post_id, safe='')}"
        reply = await self._call(credentials, "DELETE", path, missing_ok=True)
        if reply is not None and not _object(reply, "data").get("deleted"):
            raise Unknown("X did not say that the post is deleted; look there.")
        return Receipt(post_id, {"deleted": True})

    async def metrics(self, credentials: Credentials, post_ids: list[str]) -> list[Metrics]:
        """At most 100 posts at once, as X allows."""
        found = await self._posts(credentials, post_ids, "id,public_metrics")
        return [_metrics(post) for post in found]

    async def exists(self, credentials: Credentials, post_id: str) -> bool:
        """Whether the post can still be read."""
        return bool(await self._posts(credentials, [post_id], "id"))

    async def lookup(self, credentials: Credentials, post: Post, since: datetime) -> Receipt | Verdict:
        """Look for the text on the account's own timeline. X may show a post late: absence is never proven."""
        account = await self.verify(credentials)
        begin = (since - _CLOCKS_APART).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {
            "max_results": str(_LOOKED_AT),
            "start_time": begin,
            "post.fields": "id,text,entities,note_post",
        }
        reply = await self._call(credentials, "GET", f"/2/users/{account.id}/tweets", query)
        wanted = _comparable(post.text)
        for shown in (reply or {}).get("data") or []:
            if _comparable(_spelled_out(shown)) == wanted:
                return _receipt(str(shown["id"]), post.text)
        return Verdict.unsure

    # --- consent and renewal --------------------------------------------------------------------------

    def ask_consent(self, credentials: Credentials, *, redirect_uri: str, state: str) -> Consent:
        """X's page where the account's owner allows the application to post, bound to a fresh verifier (PKCE)."""
        app = x_credentials.application(credentials)
        verifier = crypto.base62(clock.token_bytes(32), 43)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return Consent(f"{self._site}/i/oauth2/authorize?{urlencode(query, quote_via=quote)}", verifier)

    async def take_consent(
        self, credentials: Credentials, *, code: str, verifier: str, redirect_uri: str
    ) -> dict[str, Any]:
        """Exchange the code that X sent the owner back with; it is good once."""
        app = x_credentials.application(credentials)
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        reply = await x_wire.ask_token(self._client(), f"{self._api}/2/oauth2/token", app, grant)
        return x_credentials.renewed(credentials, reply, app)

    async def renew(self, credentials: Credentials) -> dict[str, Any]:
        """A new access token. X replaces the refresh token too: store the answer before it is used."""
        keys = x_credentials.read(credentials)
        if not isinstance(keys, x_credentials.OAuth2) or not keys.renewable:
            raise AuthDead("These credentials cannot be renewed; connect the account again.")
        app = x_credentials.Application(keys.client_id, keys.client_secret)
        grant = {"grant_type": "refresh_token", "refresh_token": keys.refresh_token}
        reply = await x_wire.ask_token(self._client(), f"{self._api}/2/oauth2/token", app, grant)
        return x_credentials.renewed(credentials, reply, app)

    # --- the wire -------------------------------------------------------------------------------------

    async def _posts(
        self, credentials: Credentials, post_ids: list[str], fields: str
    ) -> list[dict[str, Any]]:
        query = {"ids": ",".join(post_ids), "post.fields": fields}
        reply = await self._call(credentials, "GET", "/2/tweets", query, missing_ok=True)
        return [post for post in (reply or {}).get("data") or [] if isinstance(post, dict)]

    async def _call(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> dict[str, Any] | None:
        keys = x_credentials.read(credentials)
        url = f"{self._api}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        request = x_wire.Request(method, url, body)
        return await x_wire.send(self._client(), keys, request, missing_ok=missing_ok)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = guarded_client(timeout_s=TIMEOUT_S)
        return self._http


def _receipt(post_id: str, text: str) -> Receipt:
    return Receipt(post_id, {"text": text, "url": f"{SITE}/i/status/{post_id}"})


def _metrics(post: Mapping[str, Any]) -> Metrics:
    said = post.get("public_metrics") or {}
    return Metrics(
        post_id=str(post["id"]),
        likes=said.get("like_count"),
        replies=said.get("reply_count"),
        shares=said.get("repost_count", said.get("retweet_count")),
        quotes=said.get("quote_count"),
        saves=said.get("bookmark_count"),
        views=said.get("impression_count"),
    )


def _object(reply: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """A part that the reply must have. Raises Unknown: something happened, but X does not say what."""
    found = (reply or {}).get(name)
    if not isinstance(found, dict):
        raise Unknown(f"X answered without {name}; look there whether it happened.")
    return found


def _spelled_out(shown: Mapping[str, Any]) -> str:
    """The text as it was sent: X shortens addresses and writes some signs as entities of HTML."""
    text = str(shown.get("text", ""))
    for address in (shown.get("entities") or {}).get("urls") or []:
        text = text.replace(str(address.get("url", "")) or "\0", str(address.get("expanded_url", "")))
    return unescape(text)


def _comparable(text: str) -> str:
    """Without what X changes in an address that came without scheme or with a bare host."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(word.removeprefix("https://").removeprefix("http://").rstrip("/") for word in words)
