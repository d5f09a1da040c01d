"""What stands between a bot and its platform on this server."""

from decimal import Decimal

from botyard.features.studio.platform import Refused
from botyard.kit.errors import Invalid

WHERE = "An administrator changes that in the dashboard under Settings"


class PlatformOff(Refused):
    """Calls to this platform are switched off on this server."""

    code, status = "platform_off", 409

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"Calls to {platform.upper()} are switched off on this server, because they cost money. {WHERE}: "
            f"{platform}_enabled."
        )


class SpendCapReached(Refused):
    """The cap of the month is reached."""

    code, status = "spend_cap_reached", 409

    def __init__(self, platform: str, *, cap: Decimal, spent: Decimal, cost: Decimal) -> None:
        said = (
            f"This call costs {usd(cost)} USD, and of the {usd(cap)} USD that {platform.upper()} may cost a month "
            f"{usd(spent)} USD are spent. {WHERE}: {platform}_monthly_cap_usd. The month ends by UTC."
        )
        super().__init__(said)
        self.details.update(cap_usd=usd(cap), spent_usd=usd(spent), cost_usd=usd(cost))


class ConsentLost(Invalid):
    """This way of connecting was not begun in this sign-in, was used already or is too old; begin again."""

    code = "consent_lost"


def usd(amount: Decimal) -> str:
    """An amount as people write it: two places, more only where they say something."""
    exact = amount.quantize(Decimal("0.000001")).normalize()
    places = max(2, -int(exact.as_tuple().exponent)) if exact else 2
    return f"{exact:.{places}f}"
