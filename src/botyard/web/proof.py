"""Asking somebody who is signed in for the password again, before what a stolen session must not do."""

from botyard.core.accounts import second_factor, signin, step_up
from botyard.core.accounts.errors import ProveAgain
from botyard.core.accounts.types import Principal
from botyard.kit.db import Database, Session
from botyard.web.forms import Fields


async def prove(db: Database, caller: Principal, form: Fields, address: str) -> None:
    """Check the form's password, and its code where the account has a second factor.

    Raises CredentialsRejected, SecondFactorRequired, TooMany.
    """
    async with db.reader() as session:
        factor = await second_factor.is_on(session, caller.user_id)
    code = form["code"] if factor else None
    await signin.confirm(db, caller.user_id, password=form["password"], totp_code=code, address=address)


async def unlock(db: Database, caller: Principal, form: Fields, address: str) -> None:
    """As `prove`, and remember it for this session for a few minutes: `unlocked` lets through meanwhile."""
    await prove(db, caller, form, address)
    async with db.session() as session:
        await step_up.remember(session, caller, address=address)


async def unlocked(session: Session, caller: Principal) -> None:
    """Raise ProveAgain unless this session was unlocked within the last minutes."""
    if await step_up.good_until(session, caller) is None:
        raise ProveAgain
