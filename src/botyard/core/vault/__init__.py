"""The vault: secrets sealed under a data key per account, those under one master key."""

from botyard.core.vault.errors import MasterKeyUnknown, MasterKeyWrong, VaultCorrupt
from botyard.core.vault.keyring import Keyring
from botyard.core.vault.rotation import Outcome, reencrypt, rotate, rotate_local
from botyard.core.vault.service import drop, list_names, put, reveal, reveal_bytes, shred
from botyard.core.vault.startup import check_canary, has_data, open_keyring
from botyard.core.vault.versions import (
    Holding,
    Version,
    clear_kind,
    clear_superseded,
    holdings,
    list_versions,
    restore,
)

__all__ = [
    "Holding",
    "Keyring",
    "MasterKeyUnknown",
    "MasterKeyWrong",
    "Outcome",
    "VaultCorrupt",
    "Version",
    "check_canary",
    "clear_kind",
    "clear_superseded",
    "drop",
    "has_data",
    "holdings",
    "list_names",
    "list_versions",
    "open_keyring",
    "put",
    "reencrypt",
    "restore",
    "reveal",
    "reveal_bytes",
    "rotate",
    "rotate_local",
    "shred",
]
