"""Shapes that several sections of the document share."""

from typing import Annotated, Any

from pydantic import StringConstraints

Text = Annotated[str, StringConstraints(min_length=1)]
Json = dict[str, Any]
