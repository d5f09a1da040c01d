"""Document section "User Management APIs": who sees whom."""

import pytest
from sqlalchemy import delete

from botyard.core.accounts.models import User
from botyard.kit import clock
from tests.contracts.manager.world import Account, World


async def test_administrators_see_everybody_oldest_first_in_pages(world: World, admin: Account) -> None:
    made = [await world.make_account() for _ in range(3)]
    everybody = (await admin.http.get("/api/users")).json()
    ids = [user["id"] for user in everybody["users"]]
    assert (everybody["count"], ids, ids[0]) == (len(ids), sorted(ids), admin.id)
    assert {account.id for account in made} <= set(ids)
    page = (await admin.http.get("/api/users", params={"limit": 2, "offset": 1})).json()
    assert ([user["id"] for user in page["users"]], page["count"]) == (ids[1:3], 2)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "offset=99999999999999999999"]
)
async def test_pages_have_bounds(query: str, admin: Account) -> None:
    assert (await admin.http.get(f"/api/users?{query}")).status_code == 400


async def test_no_answer_shows_more_of_an_account_than_the_document_says(
    world: World, admin: Account, account: Account
) -> None:
    texts = [
        (await account.http.get("/api/auth/me")).text,
        (await account.http.get(f"/api/users/{account.id}")).text,
        (await admin.http.get("/api/users")).text,
        (await admin.http.get("/api/users/search", params={"q": account.username})).text,
    ]
    for secret in ("password", "hash", "secret", "token", "credentials_version", "session"):
        assert [text for text in texts if secret in text.lower()] == []


async def test_search_finds_names_and_addresses_and_takes_nothing_for_a_pattern(
    world: World, admin: Account, account: Account
) -> None:
    async def found(query: str) -> set[int]:
        reply = await admin.http.get("/api/users/search", params={"q": query})
        assert reply.status_code == 200, reply.text
        assert reply.json()["count"] == len(reply.json()["users"])
        return {user["id"] for user in reply.json()["users"]}

    assert account.id in await found(account.username.upper())
    assert account.id in await found(account.email)
    assert account.id in await found("@example.ORG")
    for query in ("%%", "__", "ad%", "' OR 1=1 --", "\\\\", "☃☃", "x" * 200):
        assert await found(query) == set(), query


async def test_all_accounts_are_listed_and_a_search_pages_through_all_it_finds(
    world: World, admin: Account
) -> None:
    number, now = 1005, clock.now()
    async with world.running.db.session() as session:
        for n in range(number):
            name = f"crowd-{n:04}"
            session.add(
                User(
                    username=name,
                    username_key=name,
                    email=f"{name}@example.net",
                    email_key=f"{name}@example.net",
                    password_hash="",
                    created_at=now,
                )
            )
    try:
        everybody = (await admin.http.get("/api/users")).json()
        assert everybody["count"] == len(everybody["users"]) > number
        pages = [
            (await admin.http.get("/api/users/search", params={"q": "crowd-", **page})).json()
            for page in ({}, {"offset": 1000}, {"limit": 3, "offset": 4})
        ]
        assert [page["count"] for page in pages] == [1000, 5, 3]
        names = [user["username"] for page in pages[:2] for user in page["users"]]
        assert names == [f"crowd-{n:04}" for n in range(number)]
        assert [user["username"] for user in pages[2]["users"]] == names[4:7]
    finally:
        async with world.running.db.session() as session:
            await session.execute(delete(User).where(User.username_key.startswith("crowd-")))


@pytest.mark.parametrize("query", ["", "a", "%20%20", "a%20", "%00%00", "x" * 201])
async def test_a_search_needs_two_characters(query: str, admin: Account) -> None:
    assert (await admin.http.get(f"/api/users/search?q={query}")).status_code == 400


@pytest.mark.parametrize(
    "user_id", ["0", "-1", "1.0", "1e3", "me", "٣", "2147483648", "9" * 50, "9" * 6000, "%20", "1%00", "0x1"]
)
async def test_what_is_no_number_is_nobody(user_id: str, admin: Account) -> None:
    for path in (f"/api/users/{user_id}", f"/api/users/{user_id}/bots"):
        reply = await admin.http.get(path)
        assert (reply.status_code, set(reply.json())) == (404, {"error"}), path


async def test_one_sees_ones_own_bots_and_an_administrator_anybodys(
    world: World, admin: Account, account: Account, stranger: Account
) -> None:
    bot = await world.make_bot(account)
    path = f"/api/users/{account.id}/bots"
    for client in (account.http, admin.http):
        [row] = [row for row in (await client.get(path)).json()["bots"] if row["id"] == bot.id]
        assert row["owner_id"] == account.id
    assert (await stranger.http.get(path)).status_code == 403
    assert (await stranger.http.get(f"/api/users/{account.id}")).status_code == 403
    # Somebody who is not there looks the same as somebody else.
    assert (await stranger.http.get("/api/users/99999999")).status_code == 403


async def test_a_profile_keeps_what_is_not_named_and_clears_what_is_empty(world: World) -> None:
    account = await world.make_account()

    async def change(**fields: str | None) -> dict[str, str]:
        assert (await account.http.post("/api/auth/update-profile", json=fields)).status_code == 200
        user: dict[str, str] = (await account.http.get(f"/api/users/{account.id}")).json()["user"]
        return {key: user[key] for key in ("fullname", "phone", "birthday", "gender")}

    everything = {"fullname": "Ada King", "phone": "+44 1", "birthday": "1815-12-10", "gender": "f"}
    assert await change(**everything) == everything
    assert await change(phone="2") == {**everything, "phone": "2"}
    assert await change(phone=None, gender="") == {**everything, "phone": None, "gender": None}
    assert await change() == {**everything, "phone": None, "gender": None}


@pytest.mark.parametrize("field", ["fullname", "phone", "birthday", "gender"])
async def test_a_profile_has_bounds(field: str, account: Account) -> None:
    before = (await account.http.get(f"/api/users/{account.id}")).json()
    for value in ("x" * 100_000, 7, ["x"], {"x": 1}, "a\x00b"):
        reply = await account.http.post("/api/auth/update-profile", json={field: value})
        assert (reply.status_code, set(reply.json())) == (400, {"error"}), value
    assert (await account.http.get(f"/api/users/{account.id}")).json() == before
