"""Moments at the edges of the calendar, where a change of the time zone leads out of it."""

import pytest

from tests.contracts.chatbots.cast import HOOK, Cast
from tests.contracts.chatbots.test_document import problems

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.mark.parametrize("moment", [FIRST, LAST])
async def test_a_moment_outside_of_the_calendar_is_refused_or_its_day_is_taken(
    cast: Cast, moment: str
) -> None:
    person = await cast.person()
    bot = (await person.http.post("/api/chatbots", json={"name": "b"})).json()["data"]["id"]
    hook = (await person.http.post("/api/webhooks", json=HOOK)).json()["data"]["id"]

    for days in ({"from": moment}, {"to": moment}):
        assert (await person.http.get(f"/api/chatbots/{bot}/analytics", params=days)).status_code == 200
    for path, body in (
        (f"/api/webhooks/{hook}/replay", {"since": moment}),
        ("/api/auth/api-keys", {"name": "k", "expiresAt": moment}),
    ):
        refused = await person.http.post(path, json=body)
        assert (refused.status_code, problems(refused)) == (400, [])
