"""The OpenAPI description of a document, made to say no more and no less than the server does."""

from typing import Any

Schema = dict[str, Any]

_ANY: Schema = {"$ref": "#/components/schemas/JsonValue"}
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
_SIXTY_FOUR_BITS = {"minimum": -(2**63), "maximum": 2**63 - 1}

JSON_VALUE: Schema = {
    "title": "JsonValue",
    "description": "Any JSON of at most 100 levels; texts without NUL, whole numbers of at most 64 bits.",
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "integer", **_SIXTY_FOUR_BITS},
        {"type": "number"},
        {"type": "string"},
        {"type": "array", "items": _ANY},
        {"type": "object", "additionalProperties": _ANY},
    ],
}


def finish(schema: Schema, security_schemes: Schema) -> Schema:
    """Write into FastAPI's description what it cannot know; may be done twice.

    No document answers with FastAPI's own error body, free objects are held to what a store can keep, and
    fields that a request has beyond the described ones are read, checked and ignored.
    """
    components = schema.setdefault("components", {})
    components["securitySchemes"] = security_schemes
    shapes: Schema = components.setdefault("schemas", {})
    for name in (*_FRAMEWORKS_OWN, "JsonValue"):
        shapes.pop(name, None)
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            _drop_frameworks_own(operation["responses"])
    _open(schema.get("paths"))
    _open(shapes)
    shapes["JsonValue"] = JSON_VALUE
    return schema


def _drop_frameworks_own(responses: Schema) -> None:
    content = responses.get("422", {}).get("content", {}).get("application/json", {})
    if content.get("schema", {}).get("$ref", "").endswith(_FRAMEWORKS_OWN):
        del responses["422"]


def _open(part: Any) -> None:
    """Say of every object what further fields may hold, and of every list of anything what its items may be."""
    if isinstance(part, list):
        for item in part:
            _open(item)
    if not isinstance(part, dict):
        return
    for item in part.values():
        _open(item)
    if part.get("type") == "object" and part.get("additionalProperties", True) is True:
        part["additionalProperties"] = _ANY
    if part.get("type") == "array" and part.get("items") == {}:
        part["items"] = _ANY
