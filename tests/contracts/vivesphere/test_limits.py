"""The document's general limit: off until an operator sets one, then per caller, in the document's envelope."""

from collections.abc import Iterator

import httpx
import pytest

from botyard.settings import Settings
from tests.contracts.vivesphere.cast import Cast
from tests.contracts.vivesphere.test_document import is_error


@pytest.fixture
def limited(cast: Cast) -> Iterator[Settings]:
    """Three requests a minute."""
    settings = cast.world.running.db.parts.get(Settings)
    before = settings.vivesphere_requests_per_minute
    settings.vivesphere_requests_per_minute = 3
    yield settings
    settings.vivesphere_requests_per_minute = before


async def statuses(client: httpx.AsyncClient, count: int = 5) -> list[int]:
    return [(await client.get("/api/v1/bots/list")).status_code for _ in range(count)]


async def test_without_a_limit_nobody_is_refused(cast: Cast) -> None:
    assert await statuses(cast.boss, 20) == [200] * 20


async def test_a_limit_is_each_caller_s_own(cast: Cast, limited: Settings) -> None:
    assert await statuses(cast.owner) == [200] * 3 + [429] * 2
    assert await statuses(cast.foreign) == [200] * 3 + [429] * 2
    refused = await cast.owner.get("/api/v1/bots/list")
    assert (refused.json()["error_code"], is_error(refused)) == ("RATE_LIMITED", [])
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_services_do_not_use_up_what_their_administrator_may(cast: Cast, limited: Settings) -> None:
    body = {"log_type": "debug", "log_data": {}}
    sent = [(await cast.service.post("/api/v1/logs/submit", json=body)).status_code for _ in range(5)]
    assert sent == [201] * 3 + [429] * 2
    reply = await cast.boss.get("/api/v1/config/settings", params={"service_name": "botyard"})
    assert reply.status_code == 200


async def test_secret_settings_count_among_the_secrets_that_may_be_read(cast: Cast) -> None:
    settings = cast.world.running.db.parts.get(Settings)
    data = {"service": "counted", "settings": {"token": {"$secret": "s"}}}
    assert (await cast.boss.post("/api/v1/config/update", json={"settings_data": data})).status_code == 200
    before, settings.vault_reads_per_minute = settings.vault_reads_per_minute, 2
    query = {"service_name": "counted", "secrets": "reveal"}
    replies = [
        (await cast.service.get("/api/v1/config/settings", params=query)).status_code for _ in range(4)
    ]
    settings.vault_reads_per_minute = before
    assert replies[-1] == 429


async def test_limits_are_off_where_the_operator_says_so(cast: Cast, limited: Settings) -> None:
    limited.rate_limits = "off"
    assert await statuses(cast.boss, 10) == [200] * 10
    limited.rate_limits = "documented"


async def test_a_gateway_may_ask_for_everybody(cast: Cast, limited: Settings) -> None:
    replies = [
        await cast.anonymous.get("/api/v1/auth/validate", params={"token": cast.token}) for _ in range(9)
    ]
    assert [reply.status_code for reply in replies] == [200] * 9
