"""The client."""

from collections.abc import Callable
from typing import Self

import httpx

from chatbots_platform._sync.account import ApiKeys, Auth
from chatbots_platform._sync.bots import Chatbots, Conversations, Templates
from chatbots_platform._sync.services import Health, Voice, Webhooks
from chatbots_platform._sync.training import Training
from chatbots_platform._sync.transport import Transport, read_base_url
from chatbots_platform.credentials import Credentials
from chatbots_platform.types import RateLimit, Tokens


class ChatbotsClient:
    """A client of the Chatbots Platform API. Close it, or use it in a `with` block."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        access_token: str | None = None,
        refresh_token: str | None = None,
        on_tokens: Callable[[Tokens], object] | None = None,
        base_url: str | None = None,
        timeout_s: float | None = 30.0,
        retries: int = 3,
        retry_delay_s: float = 0.25,
        max_retry_after_s: float = 65.0,
        http: httpx.Client | None = None,
    ) -> None:
        """`base_url` is the variable CHATBOTS_BASE_URL by default, else http://localhost:3000/api.

        With `refresh_token` the access token is renewed when it runs out; `on_tokens` is given the new ones, to
        store them. `timeout_s` is how long to wait for the connection and for each next piece of an answer.
        `http` is used instead of a connection pool of the client's own, and left open.
        """
        self._owns_http = http is None
        self._transport = Transport(
            credentials=Credentials(api_key, access_token, refresh_token, on_tokens),
            http=http or httpx.Client(timeout=timeout_s),
            base_url=read_base_url(base_url),
            retries=retries,
            retry_delay_s=retry_delay_s,
            max_retry_after_s=max_retry_after_s,
        )
        self.auth = Auth(self._transport)
        self.api_keys = ApiKeys(self._transport)
        self.chatbots = Chatbots(self._transport, "/chatbots")
        self.conversations = Conversations(self._transport, "/conversations")
        self.templates = Templates(self._transport, "/templates")
        self.training = Training(self._transport)
        self.voice = Voice(self._transport)
        self.health = Health(self._transport)
        self.webhooks = Webhooks(self._transport, "/webhooks")

    @property
    def base_url(self) -> str:
        """What the paths are added to."""
        return self._transport.base_url

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the last answer said of the rate limit; None before the first."""
        return self._transport.rate_limit

    def close(self) -> None:
        """Close the connections that this client opened."""
        if self._owns_http:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
