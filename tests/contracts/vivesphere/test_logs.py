"""Document section "Logging System Microservice": once on disk, once under a key, without secrets."""

from typing import Any

from botyard.core.ingest.reader import StreamReader
from botyard.core.logs import service as logs
from tests.contracts.vivesphere.cast import Cast
from tests.planted import MARK, secret


async def submit(cast: Cast, log_type: str, data: Any, **headers: str) -> str:
    body = {"log_type": log_type, "log_data": data}
    reply = await cast.service.post("/api/v1/logs/submit", json=body, headers=headers)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["log_id"])


async def stored(cast: Cast, log_type: str) -> list[dict[str, Any]]:
    return await logs.search(cast.world.running.db.parts.get(StreamReader), type=log_type)


async def test_what_was_submitted_is_found_by_all_it_says(cast: Cast) -> None:
    data = {
        "message": "the order was taken",
        "level": "WARN",
        "source": "kitchen",
        "correlation_id": "req-7",
        "timestamp": "2026-01-01T00:00:00Z",
        "table": 12,
    }
    log_id = await submit(cast, "terminal", data)
    [row] = await stored(cast, "terminal")
    found = {name: row[name] for name in ("log_id", "message", "level", "source", "correlation_id")}
    assert found == {
        "log_id": log_id,
        "message": "the order was taken",
        "level": "warning",
        "source": "kitchen",
        "correlation_id": "req-7",
    }
    assert row["data"]["table"] == 12


async def test_the_same_key_stores_once_and_answers_the_same(cast: Cast) -> None:
    key = {"idempotency-key": "entry-1"}
    first = await submit(cast, "once", {"n": 1}, **key)
    again = await submit(cast, "once", {"n": 1}, **key)
    other = await submit(cast, "once", {"n": 1})
    assert (first == again, first == other) == (True, False)
    assert len(await stored(cast, "once")) == 2


async def test_a_key_that_stood_for_another_entry_is_refused_and_the_entry_not_stored(cast: Cast) -> None:
    key = {"idempotency-key": "k" * 255}
    await submit(cast, "reused", {"n": 1}, **key)
    body = {"log_type": "reused", "log_data": {"n": 2}}
    refused = await cast.service.post("/api/v1/logs/submit", json=body, headers=key)
    unusable = await cast.service.post(
        "/api/v1/logs/submit", json=body, headers={"idempotency-key": "k" * 256}
    )
    assert (refused.status_code, unusable.status_code) == (400, 400)
    assert "Idempotency-Key was used for another request" in refused.json()["detail"]
    assert len(await stored(cast, "reused")) == 1


async def test_secrets_are_taken_out_before_anything_is_stored(cast: Cast) -> None:
    data = {
        "message": f"login with password={secret('text')}",
        "headers": {"Authorization": f"Bearer {secret('header')}"},
        "api_key": secret("field"),
        "kept": "as it is",
    }
    await submit(cast, "secretive", data)
    [row] = await stored(cast, "secretive")
    assert MARK not in str(row)
    assert row["data"]["kept"] == "as it is"
