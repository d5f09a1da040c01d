"""What can be wrong with run-time settings."""

from botyard.kit.errors import Conflict, Invalid, NotFound


class SettingRefused(Invalid):
    """A setting does not take this value; nothing was changed."""

    code = "setting_refused"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"The setting {key} {reason} Nothing was changed.", details={"key": key})
        self.key = key
        self.reason = f"It {reason}"


class NoSuchService(NotFound):
    """Nothing is known under that name; a service has settings once the first one is stored."""

    code = "no_such_service"


class NoSuchSecret(NotFound):
    """This service has no secret of that name."""

    code = "no_such_secret"


class NoSuchChange(NotFound):
    """There is no change of settings with that number."""

    code = "no_such_change"


class ChangedSince(Conflict):
    """The setting was changed again since; undo the newer change first."""

    code = "changed_since"


class NothingToUndo(Conflict):
    """This change left the setting with the value that it had, so there is nothing to undo."""

    code = "nothing_to_undo"


class SecretGone(Conflict):
    """The former secret is not in the vault any more, so this change cannot be undone; store a new value."""

    code = "secret_gone"
