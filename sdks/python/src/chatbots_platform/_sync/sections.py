"""What the sections of the API have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from chatbots_platform._sync.transport import Transport
from chatbots_platform.calls import Call, at, continued, given
from chatbots_platform.types import Page

T = TypeVar("T")


class Section:
    """Calls of one section."""

    def __init__(self, transport: Transport, path: str = "") -> None:
        self._transport = transport
        self._path = path

    def _get(self, path: str, query: Mapping[str, Any] | None = None, **how: Any) -> Any:
        return self._transport.data(Call("GET", path, query=query or {}, **how))

    def _post(self, path: str, body: Any = None, **how: Any) -> Any:
        return self._transport.data(Call("POST", path, body=body, **how))

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[Page[Any]]:
        asked = query
        while True:
            page: Page[Any] = self._get(path, asked)
            yield page
            following = page["pagination"]["next"]
            if not following:
                return
            asked = continued(asked, following)

    def _items(self, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        for page in self._pages(path, query):
            yield from page["items"]


class Listing(Section, Generic[T]):
    """A collection to read, page by page or as one sequence. `filters` are further parameters of the list."""

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> Page[T]:
        """One page. `fields` names the fields that are wanted."""
        listed: Page[T] = self._get(self._path, _asked(page, page_size, fields, filters))
        return listed

    def iterate(
        self,
        *,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> Iterator[T]:
        """Each item of each page."""
        return self._items(self._path, _asked(None, page_size, fields, filters))

    def pages(
        self,
        *,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> Iterator[Page[T]]:
        """Page after page."""
        return self._pages(self._path, _asked(None, page_size, fields, filters))

    def get(self, item_id: str) -> T:
        """One of them. Raises NotFound."""
        item: T = self._get(at(self._path, item_id))
        return item


class Collection(Listing[T], Generic[T]):
    """A collection whose items can be made, changed and deleted."""

    def _create(self, body: Mapping[str, Any], key: str | None) -> T:
        item: T = self._post(self._path, body, key=key)
        return item

    def _update(self, item_id: str, body: Mapping[str, Any]) -> T:
        item: T = self._transport.data(Call("PUT", at(self._path, item_id), body=body))
        return item

    def delete(self, item_id: str) -> None:
        """Raises NotFound."""
        self._transport.data(Call("DELETE", at(self._path, item_id)))


def _asked(
    page: int | None, page_size: int | None, fields: Sequence[str] | None, filters: Mapping[str, Any]
) -> dict[str, Any]:
    wanted = tuple(fields) if fields is not None else None
    return given(page=page, pageSize=page_size, fields=wanted, **filters)
