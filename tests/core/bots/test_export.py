"""Break glass: every secret of one's bots, for whoever proves password and code, and for nobody else."""

import json
from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import update

from botyard.core import audit
from botyard.core.accounts import second_factor
from botyard.core.accounts.errors import SecondFactorNeeded
from botyard.core.accounts.models import User
from botyard.core.accounts.types import Kind, Principal
from botyard.core.bots import export, holdings, secrets
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.core.vault import Keyring, MasterKeyUnknown
from botyard.core.vault.masters import LocalMaster
from botyard.core.vault.models import VaultRecord
from botyard.kit import clock as clocks
from botyard.kit import crypto
from botyard.kit.clock import FrozenClock
from botyard.kit.crypto import Digests
from botyard.kit.db import Database
from botyard.kit.errors import CredentialsRejected, Forbidden, NotFound, SecondFactorRequired
from tests.core.accounts.people import ADDRESS, PASSWORD, MakeUser
from tests.core.bots.conftest import MakeBot


@pytest.fixture
async def totp(house: Database, alice: User, clock: FrozenClock) -> pyotp.TOTP:
    """Makes the codes of alice's second factor."""
    async with house.session() as session:
        app = pyotp.TOTP((await second_factor.begin(session, alice)).secret)
    async with house.session() as session:
        await second_factor.confirm(session, alice, app.at(clocks.now()))
    clock.advance(60)
    return app


@pytest.fixture
async def full(house: Database, alice: User, make_bot: MakeBot, make_user: MakeUser) -> tuple[Bot, Bot]:
    """An X bot with data and credentials, and a fleet bot with a token; others have secrets, too."""
    house.parts.add(Digests(b"d" * 32))
    one, fleet = await make_bot("one"), await make_bot("fleet", kind=BotKind.fleet)
    theirs, _empty = await make_bot("theirs", owner=await make_user("bob")), await make_bot("empty")
    owner = Principal(user_id=alice.id)
    async with house.session() as session:
        await secrets.store(session, one, {"a": "former"}, actor=owner)
        await secrets.store(session, one, {"a": 1}, actor=owner)
        await secrets.store_credentials(session, one, {"key": "k"}, actor=owner)
        found = await bots.get(session, fleet.id, kind=BotKind.fleet, owner_id=alice.id)
        await bots.issue_token(session, found, actor=owner)
        await secrets.store(session, theirs, {"b": 2}, actor=Principal(user_id=theirs.owner_id))
    return one, fleet


def at(user: User) -> Principal:
    return Principal(kind=Kind.cookie, user_id=user.id, session_id="ses_1")


async def audited(db: Database, action: str) -> list[dict[str, object]]:
    async with db.reader() as session:
        return [json.loads(entry.details) for entry in await audit.list_entries(session, action=action)]


async def test_owner_with_password_and_code_gets_every_present_secret(
    house: Database, alice: User, totp: pyotp.TOTP, full: tuple[Bot, Bot]
) -> None:
    code = totp.at(clocks.now())
    answer = await export.export(house, at(alice), password=PASSWORD, code=code, address=ADDRESS)

    fleet, one = answer["bots"]
    assert (one["name"], one["kind"], one["secrets"]) == (
        "one",
        "x",
        {"credentials": {"key": "k"}, "data": {"a": 1}},
    )
    assert fleet["secrets"]["token"].startswith("by_bot_")
    assert (answer["account"], answer["format"]) == ("alice", "botyard-secrets/1")
    assert json.loads(json.dumps(answer)) == answer
    assert await audited(house, "vault.exported") == [{"bots": 2, "opened": 3, "unreadable": 0}]


async def test_without_a_second_factor_the_way_to_one_is_told(house: Database, alice: User) -> None:
    with pytest.raises(SecondFactorNeeded, match="set it up under Account, Security"):
        await export.export(house, at(alice), password=PASSWORD, code="")
    assert await audited(house, "vault.exported") == []


async def test_wrong_password_missing_or_used_code_and_programs_are_refused(
    house: Database, alice: User, totp: pyotp.TOTP, full: tuple[Bot, Bot]
) -> None:
    code = totp.at(clocks.now())
    key = replace(at(alice), kind=Kind.api_key, session_id="", api_key_id="key_1")
    for caller, password, given, error in (
        (at(alice), "not it at all", code, CredentialsRejected),
        (at(alice), PASSWORD, "", SecondFactorRequired),
        (at(alice), PASSWORD, "000000", CredentialsRejected),
        (key, PASSWORD, code, Forbidden),
    ):
        with pytest.raises(error):
            await export.export(house, caller, password=password, code=given)
    assert await audited(house, "vault.exported") == []

    await export.export(house, at(alice), password=PASSWORD, code=code)
    with pytest.raises(CredentialsRejected):
        await export.export(house, at(alice), password=PASSWORD, code=code)


async def test_secret_that_does_not_open_is_named_and_does_not_keep_the_others_back(
    house: Database, alice: User, totp: pyotp.TOTP, full: tuple[Bot, Bot]
) -> None:
    async with house.session() as session:
        broken = update(VaultRecord).where(VaultRecord.record_id == full[0].id, VaultRecord.name == "data")
        await session.execute(broken.values(nonce=b"?" * 12))

    answer = await export.export(house, at(alice), password=PASSWORD, code=totp.at(clocks.now()))

    one = answer["bots"][1]
    assert (one["unreadable"], list(one["secrets"])) == (["data"], ["credentials"])
    assert await audited(house, "vault.exported") == [{"bots": 2, "opened": 2, "unreadable": 1}]
    assert await audited(house, "botdata.unreadable") == [{"name": "data", "reason": "vault_corrupt"}]


async def test_lost_master_key_ends_it_and_is_written_down(
    house: Database, alice: User, totp: pyotp.TOTP, full: tuple[Bot, Bot]
) -> None:
    async with house.session() as session:
        recovery, *_ = await second_factor.renew_recovery_codes(session, alice.id)
    house.parts.add(Keyring(LocalMaster([crypto.new_key()])))

    with pytest.raises(MasterKeyUnknown):
        await export.export(house, at(alice), password=PASSWORD, code=recovery)

    assert await audited(house, "vault.export_failed") == [{"reason": "master_key_unknown"}]
    assert await audited(house, "vault.exported") == []


async def test_holdings_name_secrets_versions_and_the_last_look(
    house: Database, alice: User, full: tuple[Bot, Bot], clock: FrozenClock
) -> None:
    clock.advance(60)
    async with house.session() as session:
        await secrets.retrieve(session, full[0], actor=Principal(user_id=alice.id))
    looked_at = clocks.now()
    clock.advance(60)

    async with house.reader() as session:
        found = await holdings.list_bots(session, owner_id=alice.id)
        fleet, one = await holdings.of(session, found)
        searched = await holdings.list_bots(session, owner_id=alice.id, search="FLE")

    assert [(s.name, s.version, s.versions) for s in one.secrets] == [("credentials", 1, 1), ("data", 2, 2)]
    assert one.last_look == holdings.Look(looked_at, alice.id)
    assert ([s.name for s in fleet.secrets], fleet.last_look) == (["token"], None)
    assert [bot.name for bot in searched] == ["fleet"]


async def test_bots_of_others_have_no_holdings_here(
    house: Database, alice: User, full: tuple[Bot, Bot]
) -> None:
    async with house.reader() as session:
        with pytest.raises(NotFound):
            await holdings.get_bot(session, full[0].id, owner_id=alice.id + 1)
        with pytest.raises(NotFound):
            await holdings.get_bot(session, "bot_unknown", owner_id=alice.id)
        assert (await holdings.get_bot(session, full[1].id, owner_id=alice.id)).name == "fleet"
