"""Live events: durable rows with ids, and one hub that fans them out to any number of faces."""

from botyard.core.realtime.events import Event, publish

__all__ = ["Event", "publish"]
