"""Document section "Configuration/Settings Microservice": merged, typed where Botyard owns the key, told to all."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from botyard.core.accounts import api_keys
from botyard.core.accounts.types import Role
from botyard.core.audit.models import AuditEntry
from tests.contracts.examples import DOCS, blocks, disagreements
from tests.contracts.vivesphere.cast import Cast, client, login
from tests.planted import secret


async def update(cast: Cast, settings: Any, service: str | None = None) -> Any:
    data = {"settings": settings} if service is None else {"service": service, "settings": settings}
    reply = await cast.boss.post("/api/v1/config/update", json={"settings_data": data})
    assert reply.status_code == 200, reply.text
    return reply.json()["updated_settings"]


async def read(cast: Cast, service: str, **query: str) -> Any:
    reply = await cast.service.get("/api/v1/config/settings", params={"service_name": service, **query})
    assert reply.status_code == 200, reply.text
    return reply.json()["settings"]


async def test_changes_merge_key_by_key_and_null_takes_one_away(cast: Cast) -> None:
    assert await update(cast, {"a": 1, "b": {"c": [1]}}, "merging") == {"a": 1, "b": {"c": [1]}}
    assert await update(cast, {"b": "other", "d": True}, "merging") == {"a": 1, "b": "other", "d": True}
    assert await update(cast, {"a": None}, "merging") == {"b": "other", "d": True}
    assert await read(cast, "merging") == {"b": "other", "d": True}


async def test_without_a_service_the_application_is_meant(cast: Cast) -> None:
    after = await update(cast, {"theme": "dark"})
    assert after["theme"] == "dark"
    assert await read(cast, "application") == after


async def test_one_bad_value_of_botyard_s_own_changes_nothing(cast: Cast) -> None:
    before = await read(cast, "botyard")
    data = {"service": "botyard", "settings": {"presence_timeout_s": 30, "log_retention_days": "many"}}
    reply = await cast.boss.post("/api/v1/config/update", json={"settings_data": data})
    assert (reply.status_code, "log_retention_days" in reply.json()["detail"]) == (400, True)
    assert await read(cast, "botyard") == before


@pytest.mark.parametrize(
    ("service", "said"), [("botyard ", "no space at either end"), ("Botyard", "belong to botyard, in small")]
)
async def test_a_name_that_reads_like_botyard_is_refused_and_told_why(
    cast: Cast, service: str, said: str
) -> None:
    data = {"service": service, "settings": {"registration": "closed"}}
    reply = await cast.boss.post("/api/v1/config/update", json={"settings_data": data})
    assert (reply.status_code, reply.json()["error_code"]) == (400, "INVALID_DATA")
    assert said in reply.json()["detail"]


async def test_a_number_is_answered_as_it_was_sent(cast: Cast) -> None:
    for number in (5.0, 2, 2.0, 2.0, 2**63 - 1):
        assert json.dumps(await update(cast, {"rate": number}, "exact")) == json.dumps({"rate": number})
        assert json.dumps(await read(cast, "exact")) == json.dumps({"rate": number})


async def test_botyard_s_own_settings_take_effect_at_once(cast: Cast) -> None:
    await update(cast, {"registration": "closed"}, "botyard")
    refused = await cast.world.anonymous.post("/api/auth/register", json=cast.world.fresh_details())
    await update(cast, {"registration": None}, "botyard")
    taken = await cast.world.anonymous.post("/api/auth/register", json=cast.world.fresh_details())
    assert (refused.status_code, taken.status_code) == (403, 200)


async def test_secrets_are_shown_only_where_they_are_asked_for(cast: Cast) -> None:
    shown = await update(cast, {"token": {"$secret": secret("setting")}, "url": "x"}, "secretive")
    assert shown == {"token": {"$secret": {"version": 1}}, "url": "x"}
    assert await read(cast, "secretive") == shown
    assert await read(cast, "secretive", secrets="reveal") == {"token": secret("setting"), "url": "x"}

    query = select(AuditEntry).where(AuditEntry.target == "config:secretive").order_by(AuditEntry.id.desc())
    async with cast.world.running.db.reader() as session:
        newest = (await session.scalars(query)).first()
    assert newest is not None
    assert (newest.action, secret("setting") in newest.details) == ("config.secret_read", False)


async def test_a_key_for_settings_alone_reads_no_secret(cast: Cast) -> None:
    await update(cast, {"token": {"$secret": secret("setting")}}, "secretive")
    async with cast.world.running.db.session() as session:
        _, key = await api_keys.create(
            session, user_id=cast.admin.id, name="narrow", scopes=["config:read"], role=Role.service
        )
    narrow = client(cast.world, **{"x-api-key": key})
    query = {"service_name": "secretive"}
    assert (await narrow.get("/api/v1/config/settings", params=query)).status_code == 200
    refused = await narrow.get("/api/v1/config/settings", params={**query, "secrets": "reveal"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("settings", [[], "x", 7, None])
async def test_settings_are_an_object(cast: Cast, settings: Any) -> None:
    reply = await cast.boss.post("/api/v1/config/update", json={"settings_data": {"settings": settings}})
    assert (reply.status_code, reply.json()["error_code"]) == (400, "INVALID_DATA")


async def test_settings_and_secrets_are_changed_and_read_as_the_page_about_them_says(
    cast: Cast, tmp_path: Path
) -> None:
    text, _, _ = (DOCS / "how-to" / "change-settings.md").read_text("utf-8").partition("## From the server's")
    page = tmp_path / "calls.md"
    page.write_text(text.replace("http://localhost:8000", cast.world.running.url), "utf-8")
    environment = {"KEY": cast.service.headers["x-api-key"], "TOKEN": await login(cast.world, cast.admin)}

    assert await disagreements(page, environment) == []
    assert len([answer for _, answer in blocks(page) if answer]) == 2
