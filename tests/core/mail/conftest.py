"""Fixtures of accounts, audit log and mail."""

from tests.core.accounts.fixtures import alice, authenticator, house, make_user, outbox, queue, root

__all__ = ["alice", "authenticator", "house", "make_user", "outbox", "queue", "root"]
