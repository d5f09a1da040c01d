"""A second factor on an account, for tests that sign in past it."""

from datetime import datetime, timedelta

import pyotp

from botyard.core.accounts import profiles, second_factor
from botyard.kit import clock
from botyard.kit.clock import SystemClock
from botyard.kit.db import Database


class Held(SystemClock):
    """The machine's clock, but that it shows one moment."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


async def enrol(db: Database, user_id: int) -> pyotp.TOTP:
    """Turn the factor on and answer what makes its codes; the code of half a minute ago is used up by it."""
    async with db.session() as session:
        enrolment = await second_factor.begin(session, await profiles.get(session, user_id))
    totp = pyotp.TOTP(enrolment.secret)
    now = (
        clock.now()
    )  # a code of half a minute ago is worth nothing any more once the next half minute begins
    with clock.use(Held(now)):
        async with db.session() as session:
            user = await profiles.get(session, user_id)
            await second_factor.confirm(session, user, totp.at(now - timedelta(seconds=30)))
    return totp
