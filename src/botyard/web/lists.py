"""Lists that are longer than a page: which part is shown, and the addresses of its neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from pydantic import Field

from botyard.kit.amounts import amount

PAGE = 50
Key = Annotated[int, Field(ge=0, lt=2**62)]  # what a list is read below; 0 is its beginning
PageNumber = Annotated[int, Query(alias="page", ge=0, lt=100_000)]  # whatever the parameter is called
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Pager:
    """What stands below a list; addresses are None where there is nothing."""

    text: str = ""
    newer: str | None = None
    older: str | None = None
    newer_word: str = "Newest"
    older_word: str = "Older"


NO_PAGER = Pager()


def address(path: str, params: Mapping[str, object]) -> str:
    """The path with those parameters that say something."""
    said = {name: value for name, value in params.items() if value not in ("", None, 0)}
    return f"{path}?{urlencode(said)}" if said else path


def slice_of(
    rows: Sequence[Row], *, path: str, params: Mapping[str, object], page: int, what: str
) -> tuple[Sequence[Row], Pager]:
    """One page of rows that are all in memory. Pages count from 0."""
    page = min(page, max(len(rows) - 1, 0) // PAGE)
    part = rows[page * PAGE : (page + 1) * PAGE]
    if len(rows) <= PAGE:
        return part, NO_PAGER
    text = f"{page * PAGE + 1} to {page * PAGE + len(part)} of {amount(len(rows))} {what}"
    newer = address(path, {**params, "page": page - 1}) if page else None
    older = address(path, {**params, "page": page + 1}) if (page + 1) * PAGE < len(rows) else None
    return part, Pager(text, newer, older, "Previous", "Next")


def page_of(
    total: int, *, shown: int, path: str, params: Mapping[str, object], page: int, what: str
) -> Pager:
    """The pager of a list that is read a page at a time. Pages count from 0."""
    if total <= PAGE and not page:
        return NO_PAGER
    text = (
        f"{page * PAGE + 1} to {page * PAGE + shown} of {amount(total)} {what}"
        if shown
        else f"{amount(total)} {what}"
    )
    newer = address(path, {**params, "page": page - 1}) if page else None
    older = address(path, {**params, "page": page + 1}) if (page + 1) * PAGE < total else None
    return Pager(text, newer, older, "Previous", "Next")


def after_key(
    rows: Sequence[Row], *, limit: int, path: str, params: Mapping[str, object], before: object, last: object
) -> Pager:
    """The pager of a list that is read from a key downwards; `before` is the key it was read from."""
    older = address(path, {**params, "before": last}) if len(rows) >= limit else None
    newer = address(path, params) if before else None
    return Pager("", newer, older)
