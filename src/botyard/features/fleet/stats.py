"""Counts of the fleet from the tallies that the writer keeps; their cost does not grow with the rows."""

from collections import defaultdict

from botyard.core.ingest.reader import StreamReader

_OF_BOT = "SELECT name, value FROM tallies WHERE bot_id = :bot_id"
_OF_OWNER = "SELECT name, SUM(value) AS value FROM tallies WHERE owner_id = :owner_id GROUP BY name"
_OF_ALL = "SELECT name, SUM(value) AS value FROM tallies GROUP BY name"
_BY_BOT = "SELECT bot_id, name, value FROM tallies WHERE owner_id = :owner_id"
_BY_BOT_ALL = "SELECT bot_id, name, value FROM tallies"


async def of_bot(reader: StreamReader, *, bot_id: str) -> dict[str, int]:
    """Counts of one bot: `logs`, `messages`, `commands`, `commands_pending` … and `type:<command type>`."""
    rows = await reader.query(_OF_BOT, {"bot_id": bot_id})
    return defaultdict(int, {row["name"]: int(row["value"]) for row in rows})


async def of_owner(reader: StreamReader, *, owner_id: int | None) -> dict[str, int]:
    """The same over all bots of one account, or of everybody where it is None."""
    rows = await (
        reader.query(_OF_OWNER, {"owner_id": owner_id}) if owner_id is not None else reader.query(_OF_ALL)
    )
    return defaultdict(int, {row["name"]: int(row["value"]) for row in rows})


async def by_bot(reader: StreamReader, *, owner_id: int | None) -> dict[str, dict[str, int]]:
    """Counts of each bot of an account, or of everybody's where it is None."""
    rows = await (
        reader.query(_BY_BOT, {"owner_id": owner_id}) if owner_id is not None else reader.query(_BY_BOT_ALL)
    )
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        found[row["bot_id"]][row["name"]] = int(row["value"])
    return found
