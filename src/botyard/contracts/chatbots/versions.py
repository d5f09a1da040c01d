"""Document section "API Versioning": one version, its alias, and one that is gone (C-01, C-22)."""

import copy
import re

from fastapi import APIRouter
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.types import Receive, Scope, Send

from botyard.contracts.chatbots.envelope import ALIAS, VERSION
from botyard.kit.errors import Gone


def alias(router: APIRouter) -> APIRouter:
    """The same calls below `/api`, which the description does not name twice."""
    other = APIRouter()
    other.routes.extend(_renamed(route) for route in router.routes)
    return other


def _renamed(route: BaseRoute) -> BaseRoute:
    assert isinstance(route, Route), route
    other = copy.copy(route)  # the endpoint and all that was compiled for it are shared
    other.path = ALIAS + route.path.removeprefix(VERSION)
    other.path_regex, other.path_format, other.param_convertors = compile_path(other.path)
    other.include_in_schema = False
    return other


class Retired(Mount):
    """A version that is no longer served: every path and method below it is answered so."""

    def __init__(self, path: str) -> None:
        super().__init__(path, _gone)
        self.path_regex = re.compile(f"^{re.escape(path)}(?P<path>(?:/.*)?)$", re.DOTALL)


async def _gone(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Gone(f"This version is no longer served; use {VERSION}.")
