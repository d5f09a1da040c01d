"""What a client shows the server: an API key, an access token that is renewed in time, or both."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from chatbots_platform.types import Tokens

Kind = Literal["api_key", "access_token"]
EARLY_S = 30.0  # renewed that long before it runs out, when the client knows when that is


@dataclass(repr=False)
class Credentials:
    """Its representation shows no secret."""

    api_key: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    on_tokens: Callable[[Tokens], object] | None = None
    expires_at: float = float("inf")  # of the monotonic clock
    refused: set[Kind] = field(default_factory=set)

    def kinds(self, *, about_account: bool) -> list[Kind]:
        """In the order to try: another one is tried where the first is refused.

        Calls about the account itself take no API keys.
        """
        has_token = bool(self.access_token or self.refresh_token)
        if about_account and has_token:
            return ["access_token"]
        kinds: list[Kind] = ["api_key"] if self.api_key else []
        if has_token:
            kinds.append("access_token")
        return [kind for kind in kinds if kind not in self.refused] or kinds

    def headers(self, kind: Kind) -> dict[str, str]:
        """What shows it."""
        if kind == "api_key":
            return {"X-API-KEY": self.api_key or ""}
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    @property
    def stale(self) -> bool:
        """Whether the access token is to be renewed before it is used."""
        ends_soon = time.monotonic() > self.expires_at - EARLY_S
        return bool(self.refresh_token) and (not self.access_token or ends_soon)

    def keep(self, tokens: Tokens) -> None:
        """Go on with these."""
        self.access_token = tokens["accessToken"]
        self.refresh_token = tokens.get("refreshToken") or self.refresh_token
        lasts = tokens.get("expiresIn")
        self.expires_at = time.monotonic() + lasts if lasts else float("inf")
        self.refused.discard("access_token")

    def forget(self) -> None:
        """Have no session any more."""
        self.access_token = self.refresh_token = None
        self.expires_at = float("inf")
