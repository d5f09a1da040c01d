"""The running pieces that routes work with, as dependencies.

Dependencies are coroutines although they await nothing: FastAPI runs plain functions in a thread.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.hub import Hub

Part = TypeVar("Part")


def part(kind: type[Part]) -> Callable[[Request], Awaitable[Part]]:
    """A dependency that answers the running piece of that class."""

    async def find(request: Request) -> Part:
        found: Part = request.app.state.db.parts.get(kind)
        return found

    return find


Stream = Annotated[StreamReader, Depends(part(StreamReader))]
Ingest = Annotated[Writer, Depends(part(Writer))]
Live = Annotated[Hub, Depends(part(Hub))]
