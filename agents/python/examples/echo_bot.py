"""A bot that needs no account anywhere: it says what it is told, and answers messages with themselves.

    export BOTYARD_URL=http://localhost:8000/manager
    export BOTYARD_BOT_TOKEN=by_bot_…           # from the bot's page in the dashboard
    python echo_bot.py

Then send it the command `say` with the payload {"text": "hello"}, or write to it with `send_message`.
"""

import logging
from typing import Any

from botyard_agent import Agent, AgentHandler, Command, CommandFailed

logging.basicConfig(level=logging.INFO)
agent = Agent(version="echo-bot 1.0")
logging.getLogger().addHandler(AgentHandler(agent))  # what this program logs is in the dashboard too
log = logging.getLogger("echo")


@agent.command("say", idempotent=True)
def say(command: Command) -> dict[str, Any]:
    """Print a text."""
    text = command.payload.get("text")
    if not isinstance(text, str):
        raise CommandFailed("The payload needs a text.")
    print(text, flush=True)
    log.info("Said %r.", text)
    return {"said": text}


@agent.command("send_message")
def send_message(command: Command) -> dict[str, Any]:
    """Play both sides of a chat: what the bot sends, and the answer of a friend who repeats everything."""
    thread_id = str(command.payload.get("thread_id", "lobby"))
    group = command.payload.get("thread_type") == "GROUP"
    text = str(command.payload.get("message", ""))
    print(f"[{thread_id}] {text}", flush=True)
    for author, words in ((agent.name, text), ("Echo's friend", f"You said: {text}")):
        agent.message(
            words,
            author_id=author.lower(),
            author_name=author,
            thread_id=thread_id,
            thread_type="GROUP" if group else "USER",
        )
    return {"sent": True}


@agent.on_settings
def settings_changed(settings: Any) -> None:
    """Called after joining, and whenever the command reload-settings comes."""
    log.info("My settings are %s.", dict(settings))


agent.run()  # until the command `stop`, Ctrl-C or SIGTERM
