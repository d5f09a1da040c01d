"""Fields of answers are in camel case wherever they stand, and a conversation that waits says behind how many."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from botyard.contracts.chatbots import messages
from botyard.features.chatbots import artifacts
from botyard.features.chatbots.conversation_types import Message
from botyard.features.chatbots.models import ModelVersion, TrainingJob
from tests.contracts.chatbots.cast import MAKERS, Cast

WORDS = {"macro_f1": 0.5, "measured_on": 4}
REPORT = {**WORDS, "per_intent": [{"intent": "my_own"}], "lint": {"intents": {"my_own": 3}}}


def fields(value: Any) -> Iterator[str]:
    """Names of fields at any depth."""
    if isinstance(value, dict):
        yield from value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from fields(one)


async def test_the_trace_of_a_conversation_has_camel_case_and_moments_of_the_document(cast: Cast) -> None:
    reply = await cast.owner.http.get(f"/api/conversations/{cast.known['conversation']}/trace")
    heard, answered = reply.json()["data"]["events"][:2]

    assert [name for name in fields(reply.json()) if "_" in name] == []
    assert heard["at"].endswith("Z")
    assert {"eventId", "seq", "kind", "versionId", "latencyMs", "trace"} <= set(heard)
    assert 0 <= answered["latencyMs"] < 60_000


async def test_the_report_of_a_training_and_the_figures_of_a_version_have_camel_case(cast: Cast) -> None:
    training_id = await MAKERS["trained"](cast)
    report_digest = await artifacts.put(cast.db, cast.owner.id, msgspec.json.encode(REPORT))
    async with cast.db.session() as session:
        row = await session.get_one(TrainingJob, training_id)
        model = await session.get_one(ModelVersion, row.model_id)
        model.report, model.metrics = report_digest, WORDS
        chatbot_id = row.chatbot_id
    report = await cast.owner.http.get(f"/api/training/jobs/{training_id}/report")
    deployed = await cast.owner.http.post(f"/api/chatbots/{chatbot_id}/deploy")
    versions = await cast.owner.http.get(f"/api/chatbots/{chatbot_id}/versions")

    assert report.json()["data"] == {
        "macroF1": 0.5,
        "measuredOn": 4,
        "perIntent": [{"intent": "my_own"}],
        "lint": {"intents": {"my_own": 3}},
    }
    assert deployed.status_code == 200, deployed.text
    assert versions.json()["data"]["items"][0]["metrics"] == {"macroF1": 0.5, "measuredOn": 4}


async def test_a_citation_names_its_source_in_camel_case() -> None:
    cited = {
        "number": 1,
        "source_id": "src_1",
        "title": "Hours",
        "heading": "Monday",
        "url": "",
        "position": 0,
    }
    message = Message("msg_1", "conv_1", "bot", "At ten [1].", 2, 0, citations=[cited])
    [told] = messages.told(message)["citations"]

    assert messages.CitationShown.model_validate(told).model_dump(by_alias=True) == told
    assert told["sourceId"] == "src_1"


@pytest.mark.parametrize("act", ["get", "rating"])
async def test_a_conversation_that_waits_for_a_person_says_its_place_in_the_queue(
    cast: Cast, act: str
) -> None:
    waiting = [await MAKERS["conversation"](cast) for _ in range(2)]
    http = cast.owner.http
    before = (await http.get(f"/api/conversations/{waiting[0]}")).json()["data"]
    for conversation_id in waiting:
        await http.post(f"/api/conversations/{conversation_id}/messages", json={"text": "operator"})
    shown = []
    for conversation_id in waiting:
        path = f"/api/conversations/{conversation_id}"
        reply = (
            await http.get(path) if act == "get" else await http.post(f"{path}/rating", json={"rating": 4})
        )
        shown.append(reply.json()["data"])
    attended = await http.post(f"/api/conversations/{waiting[0]}/attend")
    listed = await http.get("/api/conversations", params={"status": "waiting"})

    assert (before["status"], before["queue"]) == ("open", None)
    assert [one["status"] for one in shown] == ["waiting", "waiting"]
    assert shown[1]["queue"] == shown[0]["queue"] + 1
    assert attended.json()["data"]["queue"] is None
    assert "queue" not in listed.json()["data"]["items"][0]
