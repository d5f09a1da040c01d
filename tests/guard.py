"""Refuses every way out of this machine while tests run: only loopback is reached."""

import ipaddress
import socket
import sys
from contextlib import suppress
from typing import Any

LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost"})


class NetworkUsed(RuntimeError):
    """A test tried to reach something outside this machine."""


class Guard:
    """An audit hook, because it also sees what libraries written in C do through Python's sockets."""

    def __init__(self) -> None:
        self.allowed: set[str] = {socket.gethostname()}
        self.active = False

    def install(self) -> None:
        """Watch this process from now on; audit hooks cannot be taken out again, so do it once."""
        self.active = True
        sys.addaudithook(self._watch)

    def _watch(self, name: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if name in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = args[1]
            if args[0].family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                self._check(str(address[0]), resolving=False)
        elif name in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = args[0]
            self._check(host.decode() if isinstance(host, bytes) else str(host or ""), resolving=True)

    def _check(self, host: str, *, resolving: bool) -> None:
        if host in LOCAL_NAMES or host in self.allowed:
            return
        if resolving:
            with suppress(OSError):
                socket.inet_aton(host)  # 0x7f.1, 127.1 and 2130706433 are literals too
                return
        with suppress(ValueError):
            address = ipaddress.ip_address(host.split("%")[0])
            # reading a literal asks nobody; connecting to "any address" reaches this machine
            if resolving or address.is_loopback or address.is_unspecified:
                return
        raise NetworkUsed(f"A test tried to reach {host}; tests reach only loopback.")
