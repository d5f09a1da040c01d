"""States in words and tones: the dot's colour never says anything alone."""

from decimal import Decimal

from botyard.core.bots.models import BotKind
from botyard.core.jobs.types import JobState
from botyard.features.fleet.types import CommandState
from botyard.features.studio import errors

Tone = tuple[str, str]

COMMAND: dict[CommandState, Tone] = {
    CommandState.queued: ("", "Queued"),
    CommandState.leased: ("busy", "Taken"),
    CommandState.completed: ("good", "Completed"),
    CommandState.failed: ("bad", "Failed"),
    CommandState.cancelled: ("", "Cancelled"),
    CommandState.expired: ("warn", "Expired"),
}

JOB: dict[JobState, Tone] = {
    JobState.queued: ("", "Queued"),
    JobState.running: ("busy", "Running"),
    JobState.done: ("good", "Done"),
    JobState.failed: ("bad", "Failed"),
    JobState.cancelled: ("", "Cancelled"),
}

BOT_KIND: dict[BotKind, str] = {
    BotKind.fleet: "Fleet bot",
    BotKind.x: "X bot",
    BotKind.character: "Character",
    BotKind.trading: "Trading bot",
    BotKind.chatbot: "Chatbot",
}

SECRET: dict[str, str] = {"data": "Secret data", "credentials": "Credentials", "token": "Token"}

# What the audit log says of a bot; an act that is not here is called as it is there.
BOT_ACT: dict[str, Tone] = {
    "bot.created": ("", "Bot made"),
    "bot.credentials_stored": ("", "Credentials stored"),
    "bot.token_renewed": ("", "Token replaced"),
    "bot.token_revealed": ("busy", "Token shown"),
    "botdata.dropped": ("warn", "Removed"),
    "botdata.read": ("busy", "Opened"),
    "botdata.restored": ("warn", "Former version restored"),
    "botdata.stored": ("", "Stored"),
    "botdata.unreadable": ("bad", "Did not open"),
    "post.asked": ("", "Asked to post"),
    "post.cancelled": ("warn", "Cancelled a post"),
    "post.delete_asked": ("warn", "Asked to delete a post"),
    "post.settled": ("warn", "Said what became of a post"),
}

MEANS: dict[str, str] = {
    "token": "with an access token",
    "api_key": "with an API key",
    "bot": "with a bot token",
}

X_POST: dict[str, Tone] = {
    "waiting": ("", "Waiting"),
    "sending": ("busy", "Sending"),
    "checking": ("busy", "Asking X"),
    "published": ("good", "Published"),
    "refused": ("bad", "Not posted"),
    "unknown": ("warn", "Look on X"),
    "deleting": ("busy", "Being deleted"),
    "deleted": ("", "Deleted"),
}

X_CALL: dict[str, str] = {
    "verify": "Who the account is",
    "post": "Post",
    "post_with_url": "Post with an address in it",
    "delete": "Delete a post",
    "metrics": "Figures of a post",
    "exists": "Whether a post is there",
    "lookup": "Looking for a post that X did not confirm",
}


def usd(amount: Decimal) -> str:
    """An amount of dollars as people write it: two places, more only where they say something."""
    return errors.usd(amount)


def presence(*, online: bool, seen: bool) -> Tone:
    """Whether a bot is here."""
    if online:
        return ("good", "Online")
    return ("", "Offline") if seen else ("", "Never joined")
