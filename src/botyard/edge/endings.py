"""When an open socket or stream is over because its credential is."""

import math

from botyard.core.accounts.events import AccountDeleted, KeyRevoked, SessionEnded, UserChanged
from botyard.core.accounts.types import Kind, Principal
from botyard.core.realtime.events import Event
from botyard.kit import clock

ENDINGS: tuple[type[Event], ...] = (SessionEnded, KeyRevoked, AccountDeleted, UserChanged)
NAMES = frozenset(kind.name for kind in ENDINGS)


def left_s(caller: Principal) -> float:
    """For how long the credential is good without another look at it; infinite for those without an end."""
    if caller.until is None:
        return math.inf
    return max(0.0, (caller.until - clock.now()).total_seconds())


def ends(event: Event, caller: Principal) -> bool:
    """Whether this event ends what the caller opened."""
    if isinstance(event, SessionEnded):
        return bool(caller.session_id) and caller.session_id == event.session_id
    if isinstance(event, KeyRevoked):
        return bool(caller.api_key_id) and caller.api_key_id == event.api_key_id
    if caller.user_id != event.owner_id:
        return False
    if isinstance(event, UserChanged):
        # Sessions end by events of their own; a key of an account that was disabled or demoted has none.
        return event.what in ("active", "role") and caller.kind is Kind.api_key
    return isinstance(event, AccountDeleted)
