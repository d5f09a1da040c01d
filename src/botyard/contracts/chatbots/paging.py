"""Document sections "Paginated Response" and "Use pagination", and the selection of fields (C-07, C-21)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from botyard.contracts.chatbots.envelope import Success, ok
from botyard.edge import fast
from botyard.edge.query import Whole
from botyard.kit.errors import Invalid

Item = TypeVar("Item")
Model = TypeVar("Model", bound=BaseModel)


class Pagination(BaseModel):
    """Where this page stands; `next` and `prev` keep mount, version and filters."""

    total: int
    page: int
    pageSize: int
    pages: int
    next: str | None
    prev: str | None


class Paged(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    pagination: Pagination


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for, and under which address."""

    page: int
    size: int
    path: str
    filters: Sequence[tuple[str, str]]

    @property
    def offset(self) -> int:
        """How many items come before the page."""
        return (self.page - 1) * self.size

    def frame(self, total: int) -> Pagination:
        """The page's place among `total` items."""
        pages = -(-total // self.size)
        return Pagination(
            total=total,
            page=self.page,
            pageSize=self.size,
            pages=pages,
            next=self._address(self.page + 1) if self.page < pages else None,
            prev=self._address(min(self.page - 1, max(pages, 1))) if self.page > 1 else None,
        )

    def _address(self, page: int) -> str:
        query = [("page", str(page)), ("pageSize", str(self.size)), *self.filters]
        return f"{quote(self.path)}?{urlencode(query)}"


async def _paging(
    request: Request,
    page: Annotated[int, Whole, Query(ge=1, le=10**9, description="Counted from 1.")] = 1,
    page_size: Annotated[int, Whole, Query(alias="pageSize", ge=1, le=100, description="Items a page.")] = 10,
) -> Paging:
    given = request.query_params.multi_items()
    filters = [(name, value) for name, value in given if name not in ("page", "pageSize")]
    return Paging(page, page_size, request.scope["path"], filters)


Pages = Annotated[Paging, Depends(_paging)]


def page(items: list[Item], total: int, paging: Paging) -> Success[Paged[Item]]:
    """The answer of a list."""
    return ok(Paged(items=items, pagination=paging.frame(total)))


@dataclass(frozen=True, slots=True)
class Choice:
    """The fields that a reader wants of each item; None is all of them."""

    wanted: frozenset[str] | None

    def page(self, items: Sequence[BaseModel], total: int, paging: Paging) -> Response:
        """The answer of a list, each item with the chosen fields only."""
        chosen = [item.model_dump(mode="json", by_alias=True) for item in items]
        if self.wanted is not None:
            chosen = [{name: item[name] for name in item if name in self.wanted} for item in chosen]
        data = {"items": chosen, "pagination": paging.frame(total).model_dump()}
        return fast.answer({"status": "success", "data": data})


def choice_of(model: type[BaseModel]) -> Any:
    """The dependency that reads `fields` for items of this model. Raises Invalid for a name it does not have."""
    known = frozenset(field.alias or name for name, field in model.model_fields.items())

    async def chosen(
        fields: Annotated[
            str | None, Query(max_length=1000, description="Names of fields to answer, separated by commas.")
        ] = None,
    ) -> Choice:
        if fields is None:
            return Choice(None)
        wanted = frozenset(name.strip() for name in fields.split(","))
        if unknown := sorted(wanted - known):
            raise Invalid(
                f"There is no field {unknown[0] or 'without a name'}; known are {', '.join(sorted(known))}.",
                details={"field": "fields"},
            )
        return Choice(wanted)

    return Depends(chosen)


def sparse(model: type[Model]) -> type[Model]:
    """The same shape for the description of lists whose items have the fields that the reader chose."""
    open_shape: Callable[[dict[str, Any]], None] = lambda schema: schema.pop("required", None) and None  # noqa: E731
    config = ConfigDict(json_schema_extra=open_shape)
    members = {"__doc__": model.__doc__, "__module__": model.__module__, "model_config": config}
    return type(f"Some{model.__name__}", (model,), members)
