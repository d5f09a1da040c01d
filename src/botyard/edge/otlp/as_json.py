"""The JSON encoding: names in camel case, ids in hexadecimal digits, numbers of 64 bits as texts or numbers.

A null stands for the default of its field, as everywhere in protobuf's JSON.
"""

import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from botyard.edge import body as bodies
from botyard.edge.otlp.record import Record, number, text_of
from botyard.kit.errors import BotyardError, Malformed

MEDIA_TYPE = "application/json"
Whole = int | str


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole | None = None
    double_value: float | str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Values(msgspec.Struct):
    values: list[_Value] | None = None


class _Pair(msgspec.Struct):
    key: str | None = None
    value: _Value | None = None


class _Pairs(msgspec.Struct):
    values: list[_Pair] | None = None


class _Named(msgspec.Struct):
    name: str | None = None


class _Attributed(msgspec.Struct):
    attributes: list[_Pair] | None = None


class _LogRecord(msgspec.Struct, rename="camel"):
    time_unix_nano: Whole | None = None
    observed_time_unix_nano: Whole | None = None
    severity_number: int | None = None
    severity_text: str | None = None
    body: _Value | None = None
    attributes: list[_Pair] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    scope: _Named | None = None
    log_records: list[_LogRecord] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Attributed | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


_decoder = msgspec.json.Decoder(_Request)


def records(content: bytes) -> Iterator[Record]:
    """Every record of a request. Raises Malformed, before the first or on the way."""
    request = bodies.decode(content, _decoder) if content else _Request()
    for group in request.resource_logs or ():
        resource = _object(group.resource.attributes) if group.resource else {}
        for part in group.scope_logs or ():
            scope = (part.scope.name if part.scope else None) or ""
            for one in part.log_records or ():
                yield _record(one, resource, scope)


def accepted(rejected: int, reason: str) -> bytes:
    """The answer to a request that was stored but for `rejected` records."""
    if not rejected:
        return b"{}"
    # numbers of 64 bits are texts in this encoding
    return msgspec.json.encode(
        {"partialSuccess": {"rejectedLogRecords": str(rejected), "errorMessage": reason}}
    )


def status(code: int, error: BotyardError) -> bytes:
    """A `google.rpc.Status`."""
    return msgspec.json.encode({"code": code, "message": str(error)})


def _record(one: _LogRecord, resource: dict[str, Any], scope: str) -> Record:
    return Record(
        body=_plain(one.body),
        severity=one.severity_number or 0,
        severity_text=one.severity_text or "",
        at_ns=_whole(one.time_unix_nano) or _whole(one.observed_time_unix_nano),
        trace_id=_hex(one.trace_id),
        span_id=_hex(one.span_id),
        event_name=one.event_name or "",
        attributes=_object(one.attributes),
        resource=resource,
        scope=scope,
    )


def _object(pairs: Sequence[_Pair] | None) -> dict[str, Any]:
    return {pair.key or "": _plain(pair.value) for pair in pairs or ()}


def _plain(value: _Value | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.double_value is not None:
        return _float(value.double_value)
    if value.array_value is not None:
        return [_plain(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return _object(value.kvlist_value.values)
    return None if value.bytes_value is None else _bytes(value.bytes_value)


def _whole(value: Whole | None) -> int:
    if not isinstance(value, str):
        return value or 0
    if len(value) > 20 or not value.removeprefix("-").isdecimal():
        raise Malformed("A whole number of the request is none.")
    return int(value)


def _float(value: float | str) -> float | str:
    try:
        return number(float(value))
    except ValueError:
        raise Malformed("A number of the request is none.") from None


def _hex(text: str | None) -> bytes:
    try:
        return binascii.unhexlify(text or "")
    except ValueError:
        raise Malformed("An id of a trace or span is not in hexadecimal digits.") from None


def _bytes(text: str) -> str:
    try:
        return text_of(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        raise Malformed("Bytes of the request are not in base64.") from None
