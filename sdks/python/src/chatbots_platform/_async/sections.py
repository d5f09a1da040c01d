"""What the sections of the API have in common."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from chatbots_platform._async.transport import AsyncTransport
from chatbots_platform.calls import Call, at, continued, given
from chatbots_platform.types import Page

T = TypeVar("T")


class AsyncSection:
    """Calls of one section."""

    def __init__(self, transport: AsyncTransport, path: str = "") -> None:
        self._transport = transport
        self._path = path

    async def _get(self, path: str, query: Mapping[str, Any] | None = None, **how: Any) -> Any:
        return await self._transport.data(Call("GET", path, query=query or {}, **how))

    async def _post(self, path: str, body: Any = None, **how: Any) -> Any:
        return await self._transport.data(Call("POST", path, body=body, **how))

    async def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[Page[Any]]:
        asked = query
        while True:
            page: Page[Any] = await self._get(path, asked)
            yield page
            following = page["pagination"]["next"]
            if not following:
                return
            asked = continued(asked, following)

    async def _items(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[Any]:
        async for page in self._pages(path, query):
            for item in page["items"]:
                yield item


class AsyncListing(AsyncSection, Generic[T]):
    """A collection to read, page by page or as one sequence. `filters` are further parameters of the list."""

    async def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> Page[T]:
        """One page. `fields` names the fields that are wanted."""
        listed: Page[T] = await self._get(self._path, _asked(page, page_size, fields, filters))
        return listed

    def iterate(
        self,
        *,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> AsyncIterator[T]:
        """Each item of each page."""
        return self._items(self._path, _asked(None, page_size, fields, filters))

    def pages(
        self,
        *,
        page_size: int | None = None,
        fields: Sequence[str] | None = None,
        **filters: Any,
    ) -> AsyncIterator[Page[T]]:
        """Page after page."""
        return self._pages(self._path, _asked(None, page_size, fields, filters))

    async def get(self, item_id: str) -> T:
        """One of them. Raises NotFound."""
        item: T = await self._get(at(self._path, item_id))
        return item


class AsyncCollection(AsyncListing[T], Generic[T]):
    """A collection whose items can be made, changed and deleted."""

    async def _create(self, body: Mapping[str, Any], key: str | None) -> T:
        item: T = await self._post(self._path, body, key=key)
        return item

    async def _update(self, item_id: str, body: Mapping[str, Any]) -> T:
        item: T = await self._transport.data(Call("PUT", at(self._path, item_id), body=body))
        return item

    async def delete(self, item_id: str) -> None:
        """Raises NotFound."""
        await self._transport.data(Call("DELETE", at(self._path, item_id)))


def _asked(
    page: int | None, page_size: int | None, fields: Sequence[str] | None, filters: Mapping[str, Any]
) -> dict[str, Any]:
    wanted = tuple(fields) if fields is not None else None
    return given(page=page, pageSize=page_size, fields=wanted, **filters)
