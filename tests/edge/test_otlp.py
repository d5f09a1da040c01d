"""OpenTelemetry's protocol against a running server: real requests in both encodings, and every way to be refused."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from botyard.core.accounts import api_keys
from botyard.core.accounts.types import Role
from botyard.core.ingest.reader import Row, StreamReader
from botyard.core.logs import service as logs
from botyard.edge.otlp import PATH
from botyard.edge.otlp.receiver import unpacked
from botyard.kit import clock
from botyard.kit.errors import Malformed
from tests import loopback
from tests.contracts.conftest import ADMIN_PASSWORD, running  # noqa: F401 - a fixture
from tests.contracts.running import Running
from tests.planted import MARK, secret

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
BOTH = pytest.mark.parametrize("kind", [PROTOBUF, JSON], ids=["protobuf", "json"])
TRACE = bytes(range(16))
SPAN = bytes(range(8))
MIB = 1024 * 1024


@pytest.fixture(scope="module")
async def key(running: Running) -> str:  # noqa: F811
    """The API key of a service."""
    async with running.db.session() as session:
        _, text = await api_keys.create(
            session, user_id=1, name="shop", scopes=["logs:write"], role=Role.service
        )
    return text


@pytest.fixture
async def http(running: Running, key: str) -> AsyncIterator[httpx.AsyncClient]:  # noqa: F811
    """A service with its key."""
    async with loopback.client(base_url=running.url, headers={"x-api-key": key}, timeout=60) as http:
        yield http


@pytest.fixture
def found(running: Running) -> Any:  # noqa: F811
    """await found(source) answers what is stored of a source, in the order of its arrival."""

    async def find(source: str) -> list[Row]:
        rows = await logs.search(running.db.parts.get(StreamReader), source=source, limit=20_000)
        return rows[::-1]

    return find


def value(plain: Any) -> AnyValue:
    """A value as OpenTelemetry writes it."""
    match plain:
        case bool():
            return AnyValue(bool_value=plain)
        case str():
            return AnyValue(string_value=plain)
        case int():
            return AnyValue(int_value=plain)
        case float():
            return AnyValue(double_value=plain)
        case bytes():
            return AnyValue(bytes_value=plain)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(item) for item in plain]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(plain)))
    return AnyValue()


def pairs(plain: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=value(item)) for name, item in plain.items()]


def record(body: Any = "up", attributes: dict[str, Any] | None = None, **fields: Any) -> LogRecord:
    return LogRecord(body=value(body), attributes=pairs(attributes or {}), **fields)


def request(source: str, *records: LogRecord, scope: str = "shop.orders") -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    group = made.resource_logs.add()
    group.resource.attributes.extend(pairs({"service.name": source, "host.name": "pier"}))
    part = group.scope_logs.add()
    part.scope.name = scope
    part.log_records.extend(records)
    return made


def as_json(made: Any) -> Any:
    """The message in the JSON encoding of the protocol, which is protobuf's own but for ids and enumerations."""
    whole = MessageToDict(made, use_integers_for_enums=True)
    for group in whole.get("resourceLogs", []):
        for part in group.get("scopeLogs", []):
            for one, original in zip(part.get("logRecords", []), _records(made), strict=False):
                for name, bits in (("traceId", original.trace_id), ("spanId", original.span_id)):
                    if bits:
                        one[name] = bits.hex()
    return whole


def _records(made: Any) -> list[LogRecord]:
    return [one for group in made.resource_logs for part in group.scope_logs for one in part.log_records]


def encoded(made: ExportLogsServiceRequest, kind: dict[str, str]) -> bytes:
    if kind is PROTOBUF:
        return bytes(made.SerializeToString())
    return json.dumps(as_json(made)).encode()


def partial(reply: httpx.Response) -> tuple[int, str]:
    """Refused records and the reason, of an answer in either encoding."""
    if reply.headers["content-type"] == "application/x-protobuf":
        answer = ExportLogsServiceResponse.FromString(reply.content)
        return answer.partial_success.rejected_log_records, answer.partial_success.error_message
    found = reply.json().get("partialSuccess", {})
    return int(found.get("rejectedLogRecords", 0)), found.get("errorMessage", "")


def status(reply: httpx.Response) -> tuple[int, str]:
    """Code and message of a google.rpc.Status in either encoding."""
    if reply.headers["content-type"] == "application/json":
        return reply.json()["code"], reply.json()["message"]
    content = reply.content
    assert (content[0], content[2]) == (0x08, 0x12)
    length, rest = content[3], content[4:]
    if length > 0x7F:
        length, rest = length & 0x7F | rest[0] << 7, rest[1:]
    assert len(rest) == length
    return content[1], rest.decode()


@BOTH
async def test_a_record_becomes_an_entry_with_all_it_says(
    http: httpx.AsyncClient, found: Any, kind: dict[str, str]
) -> None:
    source = f"whole-{kind is JSON}"
    at = clock.now() - timedelta(minutes=5)
    attributes = {
        "http.status": 503,
        "ratio": 0.5,
        "strange": float("nan"),
        "ok": False,
        "raw": b"\x00\xff",
        "list": ["a", 1, {"b": [True]}],
        "api_key": "s3cret-word",
    }
    one = record(
        "GET /orders answered 503",
        attributes,
        severity_number=17,
        severity_text="ERROR",
        time_unix_nano=clock.to_us(at) * 1000,
        observed_time_unix_nano=1,
        trace_id=TRACE,
        span_id=SPAN,
        event_name="order.failed",
    )
    reply = await http.post(PATH, content=encoded(request(source, one), kind), headers=kind)
    assert (reply.status_code, partial(reply)) == (200, (0, "")), reply.text
    assert reply.headers["content-type"] == kind["content-type"]
    [row] = await found(source)
    assert (row["type"], row["level"], row["message"]) == ("otel", "error", "GET /orders answered 503")
    assert (row["source"], row["correlation_id"], row["at_us"]) == (source, TRACE.hex(), clock.to_us(at))
    assert row["sender"].startswith("key:key_")
    assert row["data"]["attributes"] == {
        "http.status": 503,
        "ratio": 0.5,
        "strange": "nan",
        "ok": False,
        "raw": "AP8=",
        "list": ["a", 1, {"b": [True]}],
        "api_key": "[redacted]",
    }
    assert row["data"]["resource"] == {"service.name": source, "host.name": "pier"}
    assert (row["data"]["span_id"], row["data"]["event_name"]) == (SPAN.hex(), "order.failed")
    assert row["data"]["scope"] == "shop.orders"


@BOTH
async def test_records_may_say_little_or_speak_in_structures(
    http: httpx.AsyncClient, found: Any, kind: dict[str, str]
) -> None:
    source = f"little-{kind is JSON}"
    observed = clock.to_us(clock.now() - timedelta(minutes=1)) * 1000
    sent = [
        LogRecord(),
        record({"message": "in a field", "n": 1}),
        record(["a", 2]),
        record(7, {"log.type": "console"}),
        record("observed", observed_time_unix_nano=observed, trace_id=b"\x00" * 16, span_id=b"\x01"),
        record("words", severity_text="Notice"),
        *(record(f"{number}", severity_number=number) for number in range(1, 25)),
        record("unknown", severity_number=0),
        record("far", time_unix_nano=2**64 - 1),
    ]
    reply = await http.post(PATH, content=encoded(request(source, *sent, scope=""), kind), headers=kind)
    assert partial(reply) == (0, ""), reply.text
    rows = await found(source)
    assert [row["message"] for row in rows[:6]] == ["", "in a field", '["a",2]', "7", "observed", "words"]
    assert rows[1]["data"]["body"] == {"message": "in a field", "n": 1}
    assert [row["type"] for row in rows[2:5]] == ["otel", "console", "otel"]
    assert (rows[4]["at_us"], rows[4]["correlation_id"]) == (observed // 1000, "")
    assert rows[5]["level"] == "notice"
    levels = [row["level"] for row in rows[6:30]]
    assert levels == [
        word for word in ("trace", "debug", "info", "warning", "error", "critical") for _ in range(4)
    ]
    assert rows[30]["level"] == ""
    assert "scope" not in rows[0]["data"]


async def test_nothing_is_a_request_too(http: httpx.AsyncClient) -> None:
    for kind, answer in ((PROTOBUF, b""), (JSON, b"{}")):
        reply = await http.post(PATH, content=b"", headers=kind)
        assert (reply.status_code, reply.content) == (200, answer)
    assert (await http.post(PATH, content=b"{}", headers=JSON)).content == b"{}"


@BOTH
async def test_what_no_entry_can_be_made_of_is_counted_and_the_rest_is_stored(
    http: httpx.AsyncClient, found: Any, kind: dict[str, str]
) -> None:
    source = f"partial-{kind is JSON}"
    sent = [record("a"), record("x" * 70_000), record("b", {"log.type": "no type"}), record("c")]
    reply = await http.post(PATH, content=encoded(request(source, *sent), kind), headers=kind)
    rejected, reason = partial(reply)
    assert (reply.status_code, rejected) == (200, 2)
    assert "64 KiB" in reason
    assert [row["message"] for row in await found(source)] == ["a", "c"]


@BOTH
async def test_a_packed_body_is_unpacked_within_the_limit(
    http: httpx.AsyncClient, found: Any, kind: dict[str, str]
) -> None:
    source = f"packed-{kind is JSON}"
    content = gzip.compress(encoded(request(source, record("packed")), kind))
    headers = {**kind, "content-encoding": "gzip"}
    assert (await http.post(PATH, content=content, headers=headers)).status_code == 200
    assert [row["message"] for row in await found(source)] == ["packed"]

    bomb = gzip.compress(b"\x00" * (11 * MIB))
    wrong = {"a bomb": (bomb, 413), "two bombs": (gzip.compress(b"\x00" * 6 * MIB) * 2, 413)}
    wrong |= {"not packed": (b"{}", 400), "cut short": (content[:-9], 400), "rest": (content + b"x", 400)}
    for what, (body, wanted) in wrong.items():
        reply = await http.post(PATH, content=body, headers=headers)
        assert reply.status_code == wanted, what
        assert status(reply)[0] in (3, 8)
    reply = await http.post(PATH, content=content, headers={**kind, "content-encoding": "br"})
    assert (reply.status_code, "gzip" in status(reply)[1]) == (400, True)


@BOTH
async def test_too_large_a_body_is_refused(http: httpx.AsyncClient, kind: dict[str, str]) -> None:
    reply = await http.post(PATH, content=b" " * (10 * MIB + 1), headers=kind)
    assert (reply.status_code, status(reply)[0]) == (413, 8)


BROKEN = {
    "no object": b"[1]",
    "no JSON": b"{",
    "wrong type": b'{"resourceLogs": 1}',
    "id": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}',
    "moment": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"now"}]}]}]}',
    "bytes": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"bytesValue":"?"}}]}]}]}',
    "number": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"doubleValue":"x"}}]}]}]}',
    "NUL": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"\\u0000"}]}]}]}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
async def test_broken_json_is_refused_for_good(http: httpx.AsyncClient, content: bytes) -> None:
    reply = await http.post(PATH, content=content, headers=JSON)
    assert (reply.status_code, status(reply)[0]) == (400, 3), reply.text
    assert "retry-after" not in reply.headers


async def test_broken_protobuf_and_other_types_are_refused_for_good(http: httpx.AsyncClient) -> None:
    reply = await http.post(PATH, content=b"\xff\xff\xff", headers=PROTOBUF)
    assert (reply.status_code, status(reply)[0]) == (400, 3)
    assert reply.headers["content-type"] == "application/x-protobuf"
    reply = await http.post(PATH, content=b"a=1", headers={"content-type": "text/plain"})
    assert (reply.status_code, "application/json" in status(reply)[1]) == (400, True)
    reply = await http.get(PATH)
    assert (reply.status_code, status(reply)[0], reply.headers["allow"]) == (405, 12, "POST")


async def test_strange_texts_in_protobuf_are_stored_all_the_same(http: httpx.AsyncClient, found: Any) -> None:
    sent = record("nul \x00", {"a\x00": "\x00", "deep": [[[[["x"]]]]]}, severity_text="\x00")
    reply = await http.post(PATH, content=encoded(request("strange", sent), PROTOBUF), headers=PROTOBUF)
    assert partial(reply) == (0, "")
    [row] = await found("strange")
    assert (row["message"], row["level"]) == ("nul \ufffd", "\ufffd")


@BOTH
async def test_only_services_and_administrators_may(
    running: Running,  # noqa: F811
    key: str,
    kind: dict[str, str],
) -> None:
    content = encoded(request("who", record("x")), kind)
    async with running.db.session() as session:
        _, weak = await api_keys.create(session, user_id=1, name="no role", scopes=["logs:write"])
        _, narrow = await api_keys.create(
            session, user_id=1, name="no scope", scopes=["logs:read"], role=Role.service
        )
    async with loopback.client(base_url=running.url) as http:
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        signed_in = await http.post("/vivesphere/api/v1/auth/login", json=login)
        token = signed_in.json()["token"]
        outcomes = {
            "nobody": {},
            "made up": {"x-api-key": "by_key_x"},
            "key without the role": {"x-api-key": weak},
            "key without the scope": {"x-api-key": narrow},
            "key": {"x-api-key": key},
            "key as bearer": {"authorization": f"Bearer {key}"},
            "administrator": {"authorization": f"Bearer {token}"},
        }
        got = {
            who: await http.post(PATH, content=content, headers={**kind, **headers})
            for who, headers in outcomes.items()
        }
    statuses = {who: reply.status_code for who, reply in got.items()}
    assert statuses == {
        "nobody": 401,
        "made up": 401,
        "key without the role": 403,
        "key without the scope": 403,
        "key": 200,
        "key as bearer": 200,
        "administrator": 200,
    }
    assert status(got["nobody"])[0] == 16
    assert status(got["key without the scope"])[0] == 7


async def test_the_same_key_stores_the_same_request_once(http: httpx.AsyncClient, found: Any) -> None:
    content = encoded(request("twice", record("a"), record("b")), PROTOBUF)
    headers = {**PROTOBUF, "idempotency-key": "k1"}
    replies = await asyncio.gather(*(http.post(PATH, content=content, headers=headers) for _ in range(3)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(await found("twice")) == 2
    too_long = {**PROTOBUF, "idempotency-key": "k" * 256}
    assert (await http.post(PATH, content=content, headers=too_long)).status_code == 400


async def test_a_request_larger_than_one_commit_is_stored_once_however_often_it_is_sent(
    http: httpx.AsyncClient, found: Any
) -> None:
    content = encoded(request("large", *(record(str(number)) for number in range(6_000))), PROTOBUF)
    for _ in range(2):
        reply = await http.post(PATH, content=content, headers=PROTOBUF)
        assert partial(reply) == (0, "")
    assert [row["message"] for row in await found("large")] == [str(number) for number in range(6_000)]


async def test_a_queue_that_is_full_asks_to_come_back(
    running: Running,  # noqa: F811
    http: httpx.AsyncClient,
    found: Any,
) -> None:
    writer = running.yard.writer
    queued, writer._rows = writer._rows, 10**9
    try:
        reply = await http.post(PATH, content=encoded(request("full", record()), PROTOBUF), headers=PROTOBUF)
    finally:
        writer._rows = queued
    assert (reply.status_code, status(reply)[0]) == (429, 8)
    assert int(reply.headers["retry-after"]) >= 1
    assert await found("full") == []


def test_a_body_of_very_many_packed_pieces_is_refused_at_once() -> None:
    pieces = gzip.compress(b"") * 500_000  # 10 MB: each end of a piece once cost a copy of all that followed
    began = time.process_time()

    with pytest.raises(Malformed):
        unpacked(pieces, 10 * MIB)

    assert time.process_time() - began < 1


def test_a_few_packed_pieces_are_one_body() -> None:
    large = bytes(range(256)) * 4096
    assert (
        unpacked(gzip.compress(large, 0) + gzip.compress(b"") + gzip.compress(b"end"), 10 * MIB)
        == large + b"end"
    )


@BOTH
async def test_a_structured_body_leaves_no_secret_in_its_message(
    http: httpx.AsyncClient, found: Any, kind: dict[str, str]
) -> None:
    source = f"structured {kind['content-type']}"
    body = {"password": {"old": secret("body")}, "user": "ada"}
    content = encoded(request(source, record(body), record([{"token": [secret("list")]}])), kind)

    assert (await http.post(PATH, content=content, headers=kind)).status_code == 200

    rows = await found(source)
    assert len(rows) == 2
    assert MARK not in str(rows)
    assert "ada" in rows[0]["message"]


async def test_null_stands_for_a_default(http: httpx.AsyncClient, found: Any) -> None:
    one = {
        "body": {"stringValue": "up"},
        "traceId": None,
        "severityText": None,
        "attributes": None,
        "timeUnixNano": None,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "nulls"}}]}
    content = {
        "resourceLogs": [
            {"resource": resource, "scopeLogs": [{"scope": None, "logRecords": [one]}]},
            {"scopeLogs": None},
        ]
    }

    assert (await http.post(PATH, json=content)).status_code == 200

    assert [row["message"] for row in await found("nulls")] == ["up"]


async def test_one_key_for_everything_loses_nothing(http: httpx.AsyncClient, found: Any) -> None:
    headers = {**PROTOBUF, "idempotency-key": "always-the-same"}
    for text in ("one", "two", "one"):
        content = encoded(request("one key", record(text)), PROTOBUF)
        assert (await http.post(PATH, content=content, headers=headers)).status_code == 200

    assert [row["message"] for row in await found("one key")] == ["one", "two"]


async def test_more_records_than_one_request_may_carry_are_refused(http: httpx.AsyncClient) -> None:
    content = ExportLogsServiceRequest()
    content.resource_logs.add().scope_logs.add().log_records.extend(LogRecord() for _ in range(50_001))
    packed = gzip.compress(content.SerializeToString())
    reply = await http.post(PATH, content=packed, headers={**PROTOBUF, "content-encoding": "gzip"})
    assert reply.status_code == 413
