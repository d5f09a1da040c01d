"""What the writer tells about itself on `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

QUEUED_ROWS = Gauge("botyard_ingest_queued_rows", "Rows that wait for the writer.")
BATCH_OPERATIONS = Histogram(
    "botyard_ingest_batch_operations",
    "Operations that shared one commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
COMMIT_SECONDS = Histogram(
    "botyard_ingest_commit_seconds",
    "Time until the disk had the batch.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ROWS = Counter("botyard_ingest_rows", "Rows appended to the stream store.", ["table"])
REFUSED = Counter("botyard_ingest_refused", "Operations refused because too many rows waited.")
RERUNS = Counter(
    "botyard_ingest_reruns", "Batches run again, one savepoint per operation or after a conflict."
)
FAILURES = Counter("botyard_ingest_failures", "Batches of which nothing was stored, by error code.", ["code"])
