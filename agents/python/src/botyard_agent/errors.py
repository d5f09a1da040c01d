"""What can go wrong between a bot and its server, as the bot's author meets it."""

from __future__ import annotations

from typing import Any


class AgentError(Exception):
    """Something went wrong between this bot and its server."""


class Unreachable(AgentError):
    """The server could not be reached, or what answered does not speak HTTP; trying again is right."""


class CutHere(Unreachable):
    """This side ended the call; it says nothing about the server."""


class GivenUp(AgentError):
    """Trying again cannot help until a person changes something; the agent stops."""


class TokenRejected(GivenUp):
    """The server does not accept this bot's token."""


class JoinRefused(GivenUp):
    """The server answers, but not as a Botyard server that knows this bot."""


class StateInUse(AgentError):
    """Another running agent uses the same state folder."""


class StateUnusable(AgentError):
    """The state folder cannot be written."""


class CommandFailed(AgentError):
    """Raised by a handler: the command is reported as failed with this text and these details."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details
