"""Numbers in queries, read as strictly by every document."""

import re
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

_WHOLE = re.compile(r"-?[0-9]{1,15}")


def whole(value: Any) -> Any:
    """The text of a whole number. Raises ValueError for what Python alone would also take: "1_0", "+1", " 1"."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("a whole number is wanted here")
    return value


Whole = BeforeValidator(whole)
Limit = Annotated[int, Whole, Query(ge=1, le=1000, description="How many at most.")]
LimitOrAll = Annotated[
    int | None, Whole, Query(ge=1, le=1000, description="How many at most; all where it is left out.")
]
Offset = Annotated[int, Whole, Query(ge=0, le=10**9, description="How many to leave out first.")]
