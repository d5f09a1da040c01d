"""The blocking client. Made from _async by generate_sync.py; change it there."""
