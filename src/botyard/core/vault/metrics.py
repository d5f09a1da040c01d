"""Counters of the vault; they never carry an account, a record or a name."""

from prometheus_client import Counter

OPERATIONS = Counter(
    "botyard_vault_operations_total", "Secrets put, revealed, dropped, shredded.", ["operation"]
)
UNWRAPS = Counter("botyard_vault_unwraps_total", "Data keys opened with the master key, not from memory.")
CORRUPT = Counter("botyard_vault_corrupt_total", "Stored secrets that did not open.")
