"""The connectors of this process."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points

from botyard.features.studio.platform import Platform
from botyard.kit.errors import NotFound

GROUP = "botyard.platforms"


class Platforms:
    """Connectors by the name of their platform. A part of `Database.parts`; installed ones are made when first used."""

    def __init__(self, connectors: Mapping[str, Platform] | None = None) -> None:
        self._connectors = None if connectors is None else dict(connectors)

    def get(self, name: str) -> Platform:
        """The connector of a platform. Raises NotFound."""
        found = self._all().get(name)
        if found is None:
            raise NotFound(f"No connector for {name} is installed on this server.")
        return found

    def names(self) -> list[str]:
        """Platforms that have a connector."""
        return sorted(self._all())

    async def start(self) -> None:
        """Nothing runs until a connector is asked."""

    async def stop(self) -> None:
        """Close the connections of connectors that hold any."""
        for connector in (self._connectors or {}).values():
            close: Callable[[], Awaitable[None]] | None = getattr(connector, "close", None)
            if close is not None:
                await close()

    def _all(self) -> dict[str, Platform]:
        if self._connectors is None:
            self._connectors = {entry.name: entry.load()() for entry in entry_points(group=GROUP)}
        return self._connectors
