"""Sends the lines of a log file to the server, as they come: across rotation, restarts and outages, each once.

    export BOTYARD_URL=http://localhost:8000/manager
    export BOTYARD_BOT_TOKEN=by_bot_…           # from the bot's page in the dashboard
    python follow_log.py /var/log/nginx/access.log

The position in the file is kept in the bot's state folder together with what is not sent yet.
"""

import re
import sys

from botyard_agent import Agent, LogType
from botyard_agent.level import classify

# nginx and Apache write no levels into access logs; the status says it.
STATUS = re.compile(r'" (\d{3}) ')


def type_of(line: str, previous: LogType | None) -> LogType | None:
    """Whether a line is an error, a warning or neither; None would leave it out."""
    if found := STATUS.search(line):
        status = int(found[1])
        return "error" if status >= 500 else "warning" if status >= 400 else "info"
    return classify(line, previous)


if len(sys.argv) != 2:
    sys.exit("usage: python follow_log.py FILE")
agent = Agent(version="follow-log 1.0")
agent.follow(sys.argv[1], classify=type_of)
agent.run()  # until the command `stop`, Ctrl-C or SIGTERM
