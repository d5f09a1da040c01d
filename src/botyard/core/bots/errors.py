"""What can be wrong with bots; each docstring is the default message."""

from botyard.kit.errors import Invalid


class BotNameTaken(Invalid):
    """This account has an X bot of that name already; choose another name."""

    code = "bot_name_taken"
