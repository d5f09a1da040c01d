"""The second factor: codes of an authenticator app, each good once, and recovery codes."""

from base64 import b32encode
from dataclasses import dataclass, field

import pyotp
import segno
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, func, select, update

from botyard.core import vault
from botyard.core.accounts import codes
from botyard.core.accounts.errors import CodeRejected, NoEnrolment, SecondFactorOn
from botyard.core.accounts.events import UserChanged
from botyard.core.accounts.models import RecoveryCode, SecondFactor, User
from botyard.core.accounts.types import Principal
from botyard.core.audit import service as audit
from botyard.core.realtime.events import publish
from botyard.core.vault.service import lock_account
from botyard.kit import clock, ids
from botyard.kit.db import Session

ISSUER = "Botyard"
RECOVERY_CODES = 10
_KIND = "second_factor"
_WINDOW = 1  # accept the code before and after the present one: telephones' clocks are off by seconds
_SECRET_BYTES = 20  # 160 bits, what RFC 4226 recommends and every app takes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs; the pictures hold the secret too."""

    secret: str = field(repr=False)
    otpauth_url: str = field(repr=False)
    qr_svg_data_uri: str = field(repr=False)
    qr_png_data_uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the factor is on, and how many recovery codes are left."""

    on: bool
    recovery_codes_left: int


async def begin(session: Session, user: User) -> Enrolment:
    """Set up an authenticator app; `confirm` turns the factor on.

    Beginning again before that replaces the secret. Raises SecondFactorOn.
    """
    await lock_account(session, user.id)  # two clicks at once would both set one up
    if await is_on(session, user.id):
        raise SecondFactorOn
    await _remove(session, user.id)
    secret = b32encode(clock.token_bytes(_SECRET_BYTES)).decode()
    factor = SecondFactor(id=ids.new("sf"), user_id=user.id, created_at=clock.now())
    session.add(factor)
    await session.flush()
    await vault.put(session, account_id=user.id, kind=_KIND, id=factor.id, name="secret", value=secret)
    url = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER)
    picture = segno.make(url, error="m")
    svg = picture.svg_data_uri(scale=5, border=2)
    return Enrolment(secret, url, svg, picture.png_data_uri(scale=5, border=2))


async def confirm(session: Session, user: User, code: str) -> list[str]:
    """Turn the factor on with a first code and answer the recovery codes, which are shown this once.

    Raises NoEnrolment, SecondFactorOn, CodeRejected.
    """
    factor = await _find(session, user.id)
    if factor is None:
        raise NoEnrolment
    if factor.confirmed_at is not None:
        raise SecondFactorOn
    if not await _use_step(session, factor, code):
        raise CodeRejected
    factor.confirmed_at = clock.now()
    await _changed(session, user.id, "account.second_factor_on")
    return await _new_codes(session, user.id)


async def disable(
    session: Session, user_id: int, *, actor: Principal | None = None, address: str = ""
) -> None:
    """Turn the factor off and void its recovery codes; without one nothing changes.

    The caller has asked for password and code before (`signin.confirm`), or is an administrator.
    """
    if not await _remove(session, user_id):
        return
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await _changed(session, user_id, "account.second_factor_off", actor, address)


async def renew_recovery_codes(session: Session, user_id: int) -> list[str]:
    """Ten new recovery codes; the old ones are void. Raises NoEnrolment without a factor."""
    if not await is_on(session, user_id):
        raise NoEnrolment
    await _changed(session, user_id, "account.recovery_codes_renewed")
    return await _new_codes(session, user_id)


async def is_on(session: Session, user_id: int) -> bool:
    """Whether signing in to this account takes a code."""
    factor = await _find(session, user_id)
    return factor is not None and factor.confirmed_at is not None


async def status(session: Session, user_id: int) -> Status:
    """What the account page shows."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return Status(await is_on(session, user_id), int(await session.scalar(left) or 0))


async def check(session: Session, user_id: int, code: str) -> bool:
    """Whether this is a present code of the app or an unused recovery code; either is used up by it."""
    factor = await _find(session, user_id)
    if factor is None or factor.confirmed_at is None:
        return False
    typed = "".join(code.split())
    if len(typed) == 6 and typed.isdecimal():
        return await _use_step(session, factor, typed)
    return await _use_recovery_code(session, user_id, typed)


async def _use_step(session: Session, factor: SecondFactor, code: str) -> bool:
    secret = await vault.reveal(session, kind=_KIND, id=factor.id, name="secret", account_id=factor.user_id)
    typed = "".join(code.split())
    try:
        step = pyotp.TOTP(secret).verify_and_get_timecode(typed, for_time=clock.now(), valid_window=_WINDOW)
    except OTPVerificationError:
        return False
    # The condition is part of the update: of two that send the same code at once, one gets in.
    statement = (
        update(SecondFactor)
        .where(SecondFactor.id == factor.id, SecondFactor.last_step < step)
        .values(last_step=step)
        .returning(SecondFactor.id)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def _use_recovery_code(session: Session, user_id: int, code: str) -> bool:
    statement = (
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == codes.digest(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(RecoveryCode.id)
    )
    if (await session.execute(statement)).one_or_none() is None:
        return False
    await _changed(session, user_id, "account.recovery_code_used")
    return True


async def _new_codes(session: Session, user_id: int) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    fresh = [codes.make() for _ in range(RECOVERY_CODES)]
    session.add_all(
        RecoveryCode(id=ids.new("rc"), user_id=user_id, code_hash=codes.digest(code)) for code in fresh
    )
    return fresh


async def _find(session: Session, user_id: int) -> SecondFactor | None:
    query = select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.kind == "totp")
    factor: SecondFactor | None = await session.scalar(query)
    return factor


async def _remove(session: Session, user_id: int) -> bool:
    factor = await _find(session, user_id)
    if factor is None:
        return False
    await vault.drop(session, kind=_KIND, id=factor.id, account_id=user_id)
    await session.delete(factor)
    await session.flush()
    return True


async def _changed(
    session: Session, user_id: int, action: str, actor: Principal | None = None, address: str = ""
) -> None:
    await audit.record(
        session,
        actor=actor or Principal(user_id=user_id),
        action=action,
        target=f"user:{user_id}",
        address=address,
    )
    publish(session, UserChanged(owner_id=user_id, what="second_factor"))
