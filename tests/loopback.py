"""HTTP clients for servers on this machine.

By default httpx reads every root certificate for each client, which takes longer than most tests; these know none.
"""

import ssl
from typing import Any

import httpx

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
DEFAULTS = {"trust_env": False, "timeout": 30}


def client(**options: Any) -> httpx.AsyncClient:
    """A client that no setting of the environment leads elsewhere; `options` are httpx's own."""
    return httpx.AsyncClient(verify=TRUSTS_NOBODY, **DEFAULTS | options)


def blocking_client(**options: Any) -> httpx.Client:
    """The same for code that runs beside no event loop."""
    return httpx.Client(verify=TRUSTS_NOBODY, **DEFAULTS | options)
