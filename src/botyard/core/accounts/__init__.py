"""Accounts: one identity for every document."""
