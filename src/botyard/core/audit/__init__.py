"""Who did what: a log that can only grow, and that shows when somebody changed it."""

from botyard.core.audit.anchors import anchor
from botyard.core.audit.chain import AuditKey, open_key
from botyard.core.audit.service import list_entries, record, record_failure
from botyard.core.audit.verify import Report, verify

__all__ = ["AuditKey", "Report", "anchor", "list_entries", "open_key", "record", "record_failure", "verify"]
