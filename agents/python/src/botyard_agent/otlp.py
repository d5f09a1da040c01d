"""Records of the logging module in OpenTelemetry's JSON encoding (OTLP 1.10.0, section "JSON Protobuf Encoding")."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from botyard_agent.row import encoded, fitted, storable

# The server keeps an entry of at most 64 KiB; room is left for what it adds.
MAX_RECORD = 48 * 1024
_CUT_TEXT = 8_000  # with its mark, what the server's list shows of a message
# From this level of the logging module on, this severity.
_SEVERITIES = ((50, 21), (40, 17), (30, 13), (20, 9), (10, 5))
_TRACE = 1
# What every record of the logging module has; the rest came in by `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the program added to a record."""
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


def log_record(text: str, level: int, word: str, at: float, attributes: Mapping[str, Any]) -> bytes:
    """One record, small enough for the server; what had to be left out is named. `at` is in Unix seconds."""
    body = encoded(_record(fitted(text), level, word, at, _fit(attributes)))
    if len(body) > MAX_RECORD:
        note = {"attributes_left_out": f"The record has {len(body)} bytes; at most {MAX_RECORD} are sent."}
        body = encoded(_record(fitted(text), level, word, at, note))
    if len(body) > MAX_RECORD:
        body = encoded(
            _record(f"{text[:_CUT_TEXT]}… [{len(text) - _CUT_TEXT} more characters]", level, word, at, {})
        )
    return body


def request(source: str, scope: str, records: Iterable[bytes]) -> bytes:
    """The body that carries records of one service."""
    resource = encoded({"attributes": _pairs({"service.name": source})})
    return (
        b'{"resourceLogs":[{"resource":' + resource + b',"scopeLogs":[{"scope":' + encoded({"name": scope})
        + b',"logRecords":[' + b",".join(records) + b"]}]}]}"
    )  # fmt: skip


def _record(text: str, level: int, word: str, at: float, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timeUnixNano": str(int(at * 1_000_000) * 1000),
        "severityNumber": next((number for least, number in _SEVERITIES if level >= least), _TRACE),
        "severityText": word,
        "body": {"stringValue": text},
        "attributes": _pairs(attributes),
    }


def _fit(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        fit: Mapping[str, Any] = storable(attributes)
    except (ValueError, TypeError, RecursionError) as error:
        return {"attributes_left_out": f"They are not JSON: {error}"[:300]}
    return fit


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {} if value is None else {"stringValue": str(value)}
