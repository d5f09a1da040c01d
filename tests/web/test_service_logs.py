"""The page of what services log: for administrators, found by every part of an entry, live."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from botyard.core.accounts.types import Kind, Principal, Role
from botyard.core.ingest.writer import Writer
from botyard.core.logs import service as logs
from botyard.core.logs.types import NewEntry
from botyard.kit import clock
from tests.contracts.running import Running
from tests.web.person import Person

WAIT_S = 15
PATH = "/logs/services"
SHOP = Principal(kind=Kind.api_key, user_id=1, role=Role.service, api_key_id="key_shop")


@pytest.fixture
def say(running: Running) -> Any:
    """await say("words", type="console", level="error") stores an entry as a service does."""

    async def say(message: str, type_: str = "debug", **data: Any) -> None:
        entry = NewEntry.of(type_, {"message": message, **data})
        await logs.submit(running.db.parts.get(Writer), [entry], sender=SHOP)

    return say


async def test_an_entry_shows_with_its_data_and_its_sender(admin: Person, say: Any) -> None:
    evil = "<script>alert(1)</script>"
    await say(
        evil, level="error", source=evil, correlation_id="c&1=2", order={"id": 1881}, api_key="sk-secret"
    )

    page = await admin.look(f"{PATH}?q=alert")

    assert evil in page.text
    assert evil not in page.source
    assert '"id": 1881' in page.text
    assert "[redacted]" in page.text
    assert "sk-secret" not in page.source
    assert "key:key_shop" in page.text
    assert f"{PATH}?correlation=c%261%3D2" in [link.get("href") for link in page.of("a")]


async def test_entries_are_found_by_every_part(admin: Person, say: Any) -> None:
    await say("first light", "console", level="info", source="lamp", trace_id="t-1", room="attic")
    await say("second light", "terminal", level="fatal", source="moon", trace_id="t-1")
    now = clock.now()
    past, future = (f"{now + step:%Y-%m-%dT%H:%M}" for step in (timedelta(hours=-1), timedelta(hours=1)))
    found = {
        "q=LIGHT": (True, True),
        "q=attic": (True, False),
        "q=light&type=console": (True, False),
        "q=light&level=critical": (False, True),
        "source=moon": (False, True),
        "correlation=t-1": (True, True),
        "correlation=t-2": (False, False),
        f"q=light&begin={past}&end={future}": (True, True),
        f"q=light&begin={future}": (False, False),
        f"q=light&end={past}": (False, False),
        "q=&level=&type=&source=&correlation=&begin=&end=": (True, True),
    }
    for query, expected in found.items():
        page = await admin.look(f"{PATH}?{query}")
        assert ("first light" in page.text, "second light" in page.text) == expected, query
        words = "No entries that match" if not any(expected) else ""
        assert words in page.text

    page = await admin.look(f"{PATH}?type=gone")
    for choice in ("console", "terminal", "gone", "lamp", "moon"):
        assert choice in page.text


async def test_a_time_that_is_none_is_refused(admin: Person) -> None:
    await admin.look(f"{PATH}?begin=yesterday", status=400)
    await admin.look("/live/service-logs?begin=yesterday", status=400)


async def test_older_pages_and_times_that_are_over_stand_still(admin: Person, say: Any) -> None:
    for number in range(201):
        await say(f"line {number}.", source="many")
    page = await admin.look(f"{PATH}?source=many")
    (older,) = [str(link["href"]) for link in page.of("a") if link.get("rel") == "next"]
    assert "line 200." in page.text
    assert "line 0." not in page.text

    page = await admin.look(older)
    assert "line 0." in page.text
    for still in (page, await admin.look(f"{PATH}?end=2026-01-01T00:00")):
        assert [a for _, a in still.elements if "hx-sse:connect" in a] == []


async def test_new_entries_come_as_rows_that_match(admin: Person, say: Any) -> None:
    await say("before the page", source="tide")
    page = await admin.look(f"{PATH}?source=tide&level=error&q=Water")
    (stream,) = [a["hx-sse:connect"] for _, a in page.elements if "hx-sse:connect" in a]
    await say("between page and stream: water", source="tide", level="error")

    async with asyncio.timeout(WAIT_S), admin.live(str(stream)) as events:
        first = await events.until("between page", name="rows")
        await say("calm water", source="tide", level="info")
        await say("water elsewhere", source="sea", level="error")
        await say("fire", source="tide", level="error")
        await say("low <i>tide</i>", source="tide", level="ERROR", where="under water")
        second = await events.until("low", name="rows")

    assert first.count("<tr") == second.count("<tr") == 1
    assert "low &lt;i&gt;tide" in second


async def test_too_long_a_gap_is_drawn_anew(admin: Person, say: Any, running: Running) -> None:
    lines = [NewEntry.of("debug", {"message": f"line {n}.", "source": "flood"}) for n in range(2_500)]
    await logs.submit(running.db.parts.get(Writer), lines, sender=SHOP)

    address = "/live/service-logs?source=flood&since=e0.s0.l0.m0.v0"
    async with asyncio.timeout(WAIT_S), admin.live(address) as events:
        first = await events.until("line 2499.")

    assert 'hx-target="[data-rows]"' in first
    assert first.count("<tr") == 200


async def test_others_see_neither_page_nor_tail_nor_tab(ada: Person, admin: Person) -> None:
    await ada.look(PATH, status=403)
    await ada.look("/live/service-logs", status=403)
    assert PATH not in [link.get("href") for link in (await ada.look("/logs")).of("a")]
    assert PATH in [link.get("href") for link in (await admin.look("/logs")).of("a")]
