"""What the rail shows: one row for each page that has a place of its own."""

from typing import NamedTuple


class Item(NamedTuple):
    """A row of the rail. `admin` rows are hidden from everybody else; the policy table enforces it."""

    label: str
    icon: str
    path: str
    admin: bool = False


NAV: dict[str, list[Item]] = {
    "Work": [
        Item("Overview", "layout-dashboard", "/"),
        Item("Fleet", "robot", "/fleet"),
        Item("X bots", "send", "/x-bots"),
        Item("Chatbots", "message-chatbot", "/chat"),
        Item("Voices", "volume", "/voices"),
        Item("Webhooks", "webhook", "/webhooks"),
        Item("Vault", "shield-lock", "/vault"),
    ],
    "Operate": [
        Item("Jobs", "stack-2", "/jobs"),
        Item("Logs", "file-text", "/logs"),
        Item("Audit", "shield-check", "/audit", admin=True),
        Item("Users", "users", "/users", admin=True),
        Item("Settings", "settings", "/settings", admin=True),
        Item("Connect a service", "plug-connected", "/connect", admin=True),
    ],
}


def section(path: str) -> str:
    """The address of the rail's row that a page belongs to."""
    first = path.split("/", 2)[1]
    return f"/{first}"
