"""Whatever is sent to the document, Schemathesis finds no crash, no undocumented status and no way around."""

from pathlib import Path

import pytest

from tests.contracts.generated import CHECKS, failures
from tests.contracts.vivesphere.cast import PREFIX, Cast

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("who", ["owner", "boss", "service"])
async def test_generated_requests_find_nothing(who: str, cast: Cast, tmp_path: Path) -> None:
    client = getattr(cast, who)
    names = {"authorization": "Authorization", "x-api-key": "X-API-KEY"}  # as the description spells them
    headers = {name: client.headers[key] for key, name in names.items() if key in client.headers}
    # It puts a wrong token beside the key, which rightly counts; the matrix tests the rest.
    checks = tuple(check for check in CHECKS if (who, check) != ("service", "ignored_auth"))
    known = {"query.bot_id": cast.bot_id, "query.token": cast.token}

    # The other store serves the same routes: once through them by one caller is enough there. And the callers have
    # most calls in common: free play with one of them is enough.
    if not cast.world.running.db.embedded and who != "boss":
        pytest.skip("the other store is tried with one caller")
    everything = cast.world.running.db.embedded and who == "boss"

    found = await failures(
        cast.world.running.url + PREFIX,
        tmp_path,
        headers=headers,
        known=known,
        checks=checks,
        everything=everything,
    )

    assert not found, found
