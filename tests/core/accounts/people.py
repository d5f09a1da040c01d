"""Who the tests sign in as."""

from collections.abc import Awaitable, Callable

from botyard.core.accounts.models import User

PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.10"

MakeUser = Callable[..., Awaitable[User]]
