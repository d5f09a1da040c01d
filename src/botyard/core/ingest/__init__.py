"""The group-commit writer: the only thing that writes the stream store, and answers after the commit."""

from botyard.core.ingest.transaction import Tx
from botyard.core.ingest.writer import Writer
from botyard.core.realtime.types import Appended, Committed

__all__ = ["Appended", "Committed", "Tx", "Writer"]
