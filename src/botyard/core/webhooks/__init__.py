"""Outgoing webhooks: what happened, told to addresses that users registered, at least once and signed."""
