"""What can be wrong with the vault."""

from botyard.kit.errors import BotyardError, Conflict, Unavailable


class VaultCorrupt(BotyardError):
    """A stored secret does not open: it was changed, moved, or sealed under another key. Restore it from a backup."""

    code = "vault_corrupt"


class MasterKeyWrong(BotyardError):
    """The master key is not the one that this database was sealed with."""

    code = "master_key_wrong"


class MasterKeyUnknown(Unavailable):
    """The vault's master key was rotated and this process does not have the new one: give it the key and restart it."""

    code = "master_key_unknown"


class RotationNotPrepared(Conflict):
    """There is no new master key to rotate to."""

    code = "rotation_not_prepared"


class RotationIncomplete(BotyardError):
    """Some data keys could not be wrapped anew; keep the old master key."""

    code = "rotation_incomplete"


class RotationRunning(Conflict):
    """The vault's keys are being replaced already; wait until that has ended."""

    code = "rotation_running"
