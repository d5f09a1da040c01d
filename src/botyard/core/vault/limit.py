"""How often an account may open secrets, wherever it asks: a stolen token must not empty a vault in a minute."""

from botyard.core.accounts.types import Principal
from botyard.kit.db import Session
from botyard.kit.errors import TooMany
from botyard.kit.limits import Limiter, Rate
from botyard.settings import Settings

_RULE = "vault-reads"


async def within_limit(session: Session, actor: Principal) -> None:
    """Count one look. Raises TooMany beyond `vault_reads_per_minute`; with rate limits off nothing is counted."""
    settings, limiter = session.find_part(Settings), session.find_part(Limiter)
    if settings is None or limiter is None or settings.rate_limits == "off":
        return
    rate = Rate(settings.vault_reads_per_minute, 60)
    verdict = await limiter.hit([(_RULE, rate, f"user:{actor.user_id}")])
    if not verdict.allowed:
        raise TooMany(
            f"This account may open secrets {rate.limit} times a minute; try again in a moment.",
            retry_after_s=verdict.retry_after_s,
        )
