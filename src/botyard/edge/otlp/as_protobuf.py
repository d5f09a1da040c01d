"""The binary encoding, by OpenTelemetry's own message classes; imported when the first such request comes."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from botyard.edge.otlp.record import Record, number, text_of
from botyard.kit.errors import BotyardError, Malformed

MEDIA_TYPE = "application/x-protobuf"
# Fields of google.rpc.Status: code = 1, a whole number; message = 2, a text.
_CODE, _MESSAGE = b"\x08", b"\x12"


def records(content: bytes) -> Iterator[Record]:
    """Every record of a request. Raises Malformed before the first."""
    try:
        request = ExportLogsServiceRequest.FromString(content)
    except DecodeError:
        raise Malformed("The request body is no ExportLogsServiceRequest in protobuf's encoding.") from None
    for group in request.resource_logs:
        resource = _object(group.resource.attributes)
        for part in group.scope_logs:
            for one in part.log_records:
                yield _record(one, resource, part.scope.name)


def accepted(rejected: int, reason: str) -> bytes:
    """The answer to a request that was stored but for `rejected` records."""
    if not rejected:
        return b""
    partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=reason)
    answer: bytes = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    return answer


def status(code: int, error: BotyardError) -> bytes:
    """A `google.rpc.Status`; its class is in a package of its own, and these two fields are all of it."""
    text = str(error).encode()
    return _CODE + _varint(code) + _MESSAGE + _varint(len(text)) + text


def _varint(value: int) -> bytes:
    """Seven bits in each byte, the lowest first; the eighth says that there is more."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _record(one: Any, resource: dict[str, Any], scope: str) -> Record:
    return Record(
        body=_plain(one.body),
        severity=one.severity_number,
        severity_text=one.severity_text,
        at_ns=one.time_unix_nano or one.observed_time_unix_nano,
        trace_id=one.trace_id,
        span_id=one.span_id,
        event_name=one.event_name,
        attributes=_object(one.attributes),
        resource=resource,
        scope=scope,
    )


def _object(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value"):
        return getattr(value, kind)
    if kind == "double_value":
        return number(value.double_value)
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _object(value.kvlist_value.values)
    return text_of(value.bytes_value) if kind == "bytes_value" else None
