"""What can be wrong with channels."""

from botyard.kit.errors import BotyardError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated


class NoSuchChannel(NotFound):
    """There is no such channel, or it is switched off."""

    code = "channel_not_found"


class OriginRefused(Forbidden):
    """Pages of this origin may not show this chatbot; add the origin to the channel's list."""

    code = "origin_refused"


class TokenRefused(Unauthenticated):
    """This conversation token is not valid any more; begin a conversation."""

    code = "conversation_token_refused"


class AccountTaken(Conflict):
    """This Telegram bot is connected to a chatbot already; remove that channel first."""

    code = "telegram_account_taken"


class TelegramTokenRefused(Invalid):
    """Telegram does not know this bot token; copy it again from BotFather."""

    code = "telegram_token_refused"


class TelegramFailed(BotyardError):
    """Telegram did not do this, and nothing happened; it is tried again."""

    code, status = "telegram_failed", 502


class TelegramRefused(BotyardError):
    """Telegram refused this for good."""

    code, status = "telegram_refused", 502


class TelegramUnsure(BotyardError):
    """Telegram did not answer clearly, so this may have happened or not."""

    code, status = "telegram_unsure", 502
