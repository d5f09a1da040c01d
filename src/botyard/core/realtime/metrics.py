"""What the hub tells about itself on `/metrics`."""

from prometheus_client import Counter, Gauge

SUBSCRIPTIONS = Gauge("botyard_realtime_subscriptions", "Clients that listen to this process.")
DELIVERED = Counter("botyard_realtime_delivered", "Events put into clients' queues.", ["source"])
LOADED = Counter("botyard_realtime_loaded", "Rows read from a table for live delivery or replay.", ["source"])
SLOW = Counter("botyard_realtime_slow", "Clients closed because their queue was full.")
UNKNOWN = Counter("botyard_realtime_unknown", "Stored events whose name this version does not know.")
BUS_LOST = Counter("botyard_realtime_bus_lost", "Times the bus between processes was lost.")
