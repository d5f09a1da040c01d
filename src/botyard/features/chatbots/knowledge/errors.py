"""What can go wrong with documents."""

from botyard.kit.errors import Conflict, Invalid, NotFound, TooLarge
from botyard.kit.http import OutgoingFailed


class NoSuchSource(NotFound):
    """This chatbot has no such document."""

    code = "source_not_found"


class DocumentUnreadable(Invalid):
    """Nothing that could be answered from was found in the document; check what it holds."""

    code = "document_unreadable"


class DocumentUnsupported(Invalid):
    """Documents are plain text, Markdown, HTML, PDF, or CSV with questions and answers; save it as one of these."""

    code = "document_unsupported"


class DocumentTooLarge(TooLarge):
    """The document is larger than a chatbot can read; split it into several."""

    code = "document_too_large"


class PageRefused(Invalid):
    """The page could not be fetched; check that the address opens without signing in."""

    code = "page_refused"


class PageBusy(OutgoingFailed):
    """The page cannot be had right now; try again later."""

    code = "page_busy"


class NotFromAddress(Conflict):
    """This document was uploaded and has no address to fetch it from; upload it again."""

    code = "source_without_address"
