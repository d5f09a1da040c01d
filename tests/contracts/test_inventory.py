"""The inventories are complete and well-formed, and agree with the published documents where these are at hand."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contracts.document import Document, load

FOLDER = Path(__file__).parent
# beside a checkout, where the project's shared material is; a checkout alone has none
SHARED = FOLDER.parents[2] / "shared" / "contracts" / "inventory"
DOCUMENTS = sorted(path.parent.name for path in FOLDER.glob("*/document.yaml"))
CALLS = {"chatbots": 40, "manager": 44, "vivesphere": 9}
CLIENT_AND_SERVER_EVENTS = {"chatbots": (0, 0), "manager": (3, 7), "vivesphere": (0, 0)}


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> Document:
    return load(FOLDER / request.param / "document.yaml")


def test_every_call_is_there_once(document: Document) -> None:
    assert len(document.calls) == CALLS[document.name]
    assert Counter(call.name for call in document.calls).most_common(1)[0][1] == 1
    assert Counter(call.id for call in document.calls).most_common(1)[0][1] == 1


def test_every_event_is_there(document: Document) -> None:
    realtime = document.realtime
    counts = (len(realtime.client), len(realtime.server)) if realtime else (0, 0)
    assert counts == CLIENT_AND_SERVER_EVENTS[document.name]


def test_every_shape_is_written_in_the_shape_language(document: Document) -> None:
    realtime = document.realtime
    events = [*realtime.client.values(), *realtime.server.values()] if realtime else []
    bodies = [shape for call in document.calls for shape in (call.body, call.body_alternative) if shape]
    for shape in [document.error, *events, *bodies, *(call.answer for call in document.calls)]:
        for value in ({}, [], "", 0, None):
            document.shapes.problems(value, shape)


def test_every_refusal_has_a_status_that_the_document_or_the_decisions_know(document: Document) -> None:
    known = document.statuses | document.further_statuses
    assert [refusal for _, refusal in document.refusals() if refusal.status not in known] == []


@pytest.fixture
def published(document: Document) -> dict[str, Any]:
    path = SHARED / f"{document.name}.yaml"
    if not path.exists():
        pytest.skip("the shared contract material is not beside this checkout")
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def test_calls_are_those_of_the_published_document(document: Document, published: dict[str, Any]) -> None:
    stated = {
        f"{entry['method']} {entry['path']}": (
            entry["auth"],
            entry.get("query", {}),
            entry.get("body"),
            entry.get("body_alternative"),
            expanded(entry["returns"].get("shape"), published["shapes"]),
        )
        for entry in published["endpoints"]
        if entry.get("kind") not in ("realtime", "documentation")
    }
    ours = {
        call.name: (
            "bearer" if call.access == "key" else call.access,
            call.query,
            call.body,
            call.body_alternative,
            expanded(call.answer, document.shapes.named),
        )
        for call in document.calls
    }
    assert ours == stated


def test_events_are_those_of_the_published_document(document: Document, published: dict[str, Any]) -> None:
    realtime = document.realtime
    both = (
        (("client", realtime.client), ("server", realtime.server))
        if realtime
        else (("client", {}), ("server", {}))
    )
    for direction, ours in both:
        stated = {e["name"]: e["shape"] for e in published["events"] if e["direction"] == direction}
        assert ours == stated


def expanded(shape: Any, named: Mapping[str, Any]) -> Any:
    """The shape without names, so that documents may name their shapes as they like."""
    if isinstance(shape, dict):
        return {key: expanded(inner, named) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [expanded(inner, named) for inner in shape]
    if isinstance(shape, str) and "|" in shape:
        return [expanded(one, named) for one in shape.split("|")]
    if isinstance(shape, str) and shape.startswith("$"):
        return expanded(named[shape[1:]], named)
    return shape
