"""Commands as handlers see them, and the registry of handlers."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar


@dataclass
class Command:
    """One order from the server."""

    id: str
    type: str
    payload: dict[str, Any]
    attempt: int = 1
    lease_id: str | None = None
    expires_at: str | None = None
    # when the lease must be renewed, on the agent's own counter; the server's clock does not matter here
    renew_at: float = 0.0
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether the server took the command back while it runs; a long handler may look and stop early."""
        return self._lost.is_set()

    def lose(self) -> None:
        """Note that the lease is gone."""
        self._lost.set()

    @classmethod
    def parse(cls, raw: Any) -> Command | None:
        """A command of the server's answer; None for what is none."""
        if not isinstance(raw, dict) or not isinstance(raw.get("id"), (str, int)):
            return None
        payload, attempt = raw.get("payload"), raw.get("attempt")
        return cls(
            id=str(raw["id"]),
            type=str(raw.get("type", "")),
            payload=payload if isinstance(payload, dict) else {},
            attempt=attempt if isinstance(attempt, int) else 1,
            lease_id=str(raw["lease_id"]) if raw.get("lease_id") else None,
            expires_at=str(raw["expires_at"]) if raw.get("expires_at") else None,
        )


HandlerFunction = Callable[[Command], Any]
H = TypeVar("H", bound=HandlerFunction)


class Handler(NamedTuple):
    """A function for one type of command; an idempotent one may be run again after a crash in its middle."""

    run: HandlerFunction
    idempotent: bool


class Handlers:
    """Which function runs which type of command."""

    def __init__(self) -> None:
        self._known: dict[str, Handler] = {}

    def register(self, name: str, *, idempotent: bool = False) -> Callable[[H], H]:
        """A decorator; a second function under the same name replaces the first, built-ins included."""

        def keep(function: H) -> H:
            if not callable(function) or not _takes_one(function):
                raise TypeError(f"The handler of {name!r} must take the command as its only argument.")
            self._known[name] = Handler(function, idempotent)
            return function

        return keep

    def add_built_in(self, functions: Mapping[str, HandlerFunction]) -> None:
        """Register functions under names that the bot's author has not taken."""
        for name, function in functions.items():
            self._known.setdefault(name, Handler(function, idempotent=True))

    def find(self, name: str) -> Handler | None:
        """The handler of a type of command."""
        return self._known.get(name)

    @property
    def names(self) -> list[str]:
        """Every type of command that this bot takes, sorted."""
        return sorted(self._known)


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        return False
    except ValueError:  # built into the interpreter, without a signature
        return True
    return True
