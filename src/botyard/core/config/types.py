"""Value objects of run-time settings."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Effective = Literal["at once", "restart"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value on its way into the vault."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret that stays as it is in the vault, as reading shows it."""

    version: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A setting of Botyard's own that may change at run time: what it takes and when that takes effect."""

    name: str
    description: str
    effective: Effective
    kind: Literal["switch", "number", "amount", "choice"]
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """What the setting takes, to be read behind its name."""
        if self.kind == "choice":
            return f"is one of {', '.join(choice or 'empty' for choice in self.choices)}."
        if self.kind == "switch":
            return "is either true or false."
        what = "a whole number" if self.kind == "number" else "an amount with at most two decimals,"
        return f"is {what} from {self.low} to {self.high}."


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as people see it. Of a secret, `value` is the reference `{"$secret": {"version": 2}}`."""

    key: str
    value: Any
    secret: bool = False
    stored: bool = True
    owned: Owned | None = None
    start: Any = None  # what the environment, or the default, gives while nothing is stored
    waits: bool = False  # the server still runs with another value, until it is started anew
    updated_at: datetime | None = None
    updated_by: int = 0
