"""Command line: follow a log file, run an echo bot, or check that a bot can join."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botyard_agent import Agent, AgentError, Command, GivenUp, __version__

# As sysexits.h has it: a supervisor need not start the program again before somebody changed something.
EX_CONFIG = 78
EX_UNAVAILABLE = 69


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers the exit status: 0 stopped as asked, 2 wrong call, 69 server away, 78 server refuses this bot."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        agent = _agent(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return int(options.action(agent, options))
    except GivenUp as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except AgentError as error:
        print(error, file=sys.stderr)
        return EX_UNAVAILABLE


def _agent(options: argparse.Namespace) -> Agent:
    token = options.token
    if options.token_file:
        token = options.token_file.read_text(encoding="utf-8").strip()
    return Agent(options.url, token, bot_id=options.bot, state_dir=options.state_dir)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="botyard-agent",
        description="Lets this machine join a Botyard server as a bot.",
        epilog="The token is best given in the environment variable BOTYARD_BOT_TOKEN or in a file: "
        "other users of this machine can read command lines.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--url", help="the server, such as http://localhost:8000/manager (BOTYARD_URL)")
    parser.add_argument("--token", help="the bot's token (BOTYARD_BOT_TOKEN)")
    parser.add_argument("--token-file", type=Path, help="a file that holds the token")
    parser.add_argument("--bot", help="the bot's id, where the token does not carry it (BOTYARD_BOT_ID)")
    parser.add_argument("--state-dir", help="where to keep what is not sent yet (BOTYARD_STATE_DIR)")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    follow = actions.add_parser("follow", help="send the lines of a log file, and what is added to it")
    follow.add_argument("file", type=Path)
    follow.add_argument("--from-end", action="store_true", help="leave out what the file holds already")
    follow.set_defaults(action=_follow)
    echo = actions.add_parser("echo", help="run a bot that says what it is told")
    echo.set_defaults(action=_echo)
    check = actions.add_parser("check", help="join, say how it went, and leave")
    check.set_defaults(action=_check)
    return parser


def _follow(agent: Agent, options: argparse.Namespace) -> int:
    if not options.file.exists():
        print(f"{options.file} is not there yet; waiting for it.", file=sys.stderr)
    agent.follow(options.file, from_end=options.from_end)
    agent.run()
    return 0


def _echo(agent: Agent, _options: argparse.Namespace) -> int:
    @agent.command("say")
    def say(command: Command) -> dict[str, Any]:
        text = str(command.payload.get("text", ""))
        print(text, flush=True)
        return {"said": text}

    @agent.command("send_message")
    def send_message(command: Command) -> dict[str, Any]:
        text = str(command.payload.get("message", ""))
        thread = str(command.payload.get("thread_id", "echo"))
        print(f"[{thread}] {text}", flush=True)
        kind = command.payload.get("thread_type")
        agent.message(
            text,
            author_id=agent.bot_id,
            author_name=agent.name,
            thread_id=thread,
            thread_type="GROUP" if kind == "GROUP" else "USER",
        )
        return {"sent": True}

    agent.run()
    return 0


def _check(agent: Agent, _options: argparse.Namespace) -> int:
    with agent:
        if not agent.wait_joined(15.0):
            print("The server does not answer.", file=sys.stderr)
            return EX_UNAVAILABLE
        print(f"{agent.name or agent.bot_id} can join; it has {len(agent.settings)} settings.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
