"""Whatever is sent to the document, Schemathesis finds no crash, no undocumented status and no way around."""

from pathlib import Path

import pytest

from tests.contracts.generated import CHECKS, failures
from tests.contracts.manager.requests import make_cast
from tests.contracts.manager.world import PREFIX, Account, World, make_command

pytestmark = pytest.mark.slow

# Their success would end the session that all other requests are made with.
ENDINGS = ("/api/auth/logout", "/api/auth/delete-account", "/api/auth/change-password")


@pytest.mark.parametrize("who", ["account", "admin", "bot"])
async def test_generated_requests_find_nothing(
    who: str, world: World, admin: Account, tmp_path: Path
) -> None:
    cast = await make_cast(world, admin)
    client = {"account": cast.account.http, "admin": admin.http, "bot": cast.bot.http}[who]
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookie} if cookie else {"X-Bot-Token": cast.bot.token}
    known = {
        "path.bot_id": cast.bot.id,
        "path.command_id": await make_command(cast.account, cast.bot),
        "path.user_id": str(cast.account.id),
        "query.wait": 0,  # or each request for commands would wait for some
    }

    # It puts a wrong credential beside the bot's own one, which rightly counts; the matrix tests the rest.
    checks = tuple(check for check in CHECKS if (who, check) != ("bot", "ignored_auth"))

    # The other store serves the same routes: once through them by one caller is enough there. And the callers have
    # most calls in common: free play with one of them is enough.
    if not world.running.db.embedded and who != "account":
        pytest.skip("the other store is tried with one caller")
    everything = world.running.db.embedded and who == "account"

    found = await failures(
        world.running.url + PREFIX,
        tmp_path,
        headers=headers,
        known=known,
        leave_out=ENDINGS,
        checks=checks,
        everything=everything,
    )

    assert not found, found
