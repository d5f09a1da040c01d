"""Lets a bot join a Botyard server: commands, logs, messages, presence."""

from botyard_agent._version import __version__
from botyard_agent.agent import Agent
from botyard_agent.command import Command
from botyard_agent.errors import (
    AgentError,
    CommandFailed,
    GivenUp,
    JoinRefused,
    StateInUse,
    StateUnusable,
    TokenRejected,
    Unreachable,
)
from botyard_agent.handler import AgentHandler
from botyard_agent.options import Options
from botyard_agent.row import LogType, ThreadType
from botyard_agent.service_log import ServiceLogHandler

__all__ = [
    "Agent",
    "AgentError",
    "AgentHandler",
    "Command",
    "CommandFailed",
    "GivenUp",
    "JoinRefused",
    "LogType",
    "Options",
    "ServiceLogHandler",
    "StateInUse",
    "StateUnusable",
    "ThreadType",
    "TokenRejected",
    "Unreachable",
    "__version__",
]
