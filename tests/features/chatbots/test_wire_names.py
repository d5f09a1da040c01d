"""What is kept under this server's names is told under the document's; names that people gave stay as they are."""

from botyard.features.chatbots import wire_names

NOON_US = 1_780_315_200_000_000


def test_fields_are_in_camel_case_at_any_depth_and_values_stay() -> None:
    report = {
        "macro_f1": 0.9,
        "per_intent": [{"intent": "order_status", "f1": 1.0}],
        "confusions": [{"intent": "order_status", "taken_for": "cancel_order"}],
    }
    assert wire_names.camel(report) == {
        "macroF1": 0.9,
        "perIntent": [{"intent": "order_status", "f1": 1.0}],
        "confusions": [{"intent": "order_status", "takenFor": "cancel_order"}],
    }


def test_names_of_intents_and_slots_and_values_of_any_shape_stay_as_people_wrote_them() -> None:
    kept = {
        "lint": {"intents": {"order_status": 12}, "counts": {"near_duplicate": 1}},
        "commands": [{"do": "set_slots", "slots": {"order_number": {"as_said": "AB"}}}],
        "value": {"a_b": 1},
    }
    assert wire_names.camel(kept) == kept


def test_an_event_says_when_in_words_and_how_long_it_took_in_milliseconds() -> None:
    event = {"event_id": "ev_1", "at_us": NOON_US, "latency_us": 1500, "version_id": None}
    expected = {"eventId": "ev_1", "at": "2026-06-01T12:00:00.000000Z", "versionId": None}

    assert wire_names.traced(event) == {**expected, "latencyMs": 1.5}
    assert wire_names.traced({**event, "latency_us": None})["latencyMs"] is None
