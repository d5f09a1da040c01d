"""Outgoing mail: written with the transaction that wants it, delivered after its commit."""
