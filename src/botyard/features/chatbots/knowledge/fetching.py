"""Fetches a page that a user named: few redirects, each checked like the first address, bounded in size and time."""

from dataclasses import dataclass

import httpx

from botyard.features.chatbots.knowledge.documents import MAX_PDF_BYTES, kind_of, most_bytes
from botyard.features.chatbots.knowledge.errors import DocumentTooLarge, PageBusy, PageRefused
from botyard.kit.http import MAX_URL, ReplyTooLarge, guarded_client

TIMEOUT_S = 20.0
MAX_REDIRECTS = 4
_ACCEPT = "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,text/csv;q=0.9,application/pdf;q=0.9,*/*;q=0.1"


@dataclass(frozen=True, slots=True)
class Page:
    """What an address gave."""

    content: bytes
    kind: str
    charset: str


def checked_url(url: str) -> str:
    """The address, when it looks like one that can be fetched. Raises PageRefused; the host is checked later."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise PageRefused("This is not an address; write it like https://example.org/page.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise PageRefused(
            "A page starts with http:// or https:// and names a host, without user name or password."
        )
    if len(str(parsed)) > MAX_URL:
        raise PageRefused(f"The address of a page has at most {MAX_URL} characters.")
    return str(parsed.copy_with(fragment=None))


async def fetch(url: str, *, allow_private: bool) -> Page:
    """The page behind an address.

    Raises AddressRefused, PageRefused, DocumentUnsupported, DocumentTooLarge, or a kind of OutgoingFailed, after which
    trying again may help.
    """
    async with guarded_client(
        allow_private=allow_private, timeout_s=TIMEOUT_S, max_bytes=MAX_PDF_BYTES
    ) as client:
        for _ in range(MAX_REDIRECTS + 1):
            try:
                reply = await client.get(url, headers={"Accept": _ACCEPT})
            except ReplyTooLarge:
                raise DocumentTooLarge(f"The page has more than {MAX_PDF_BYTES >> 20} MiB.") from None
            if not reply.is_redirect:
                return _page(reply)
            url = _next(reply)
    raise PageRefused(f"The page sent us on more than {MAX_REDIRECTS} times.")


def _page(reply: httpx.Response) -> Page:
    if reply.status_code in (429, 502, 503, 504):
        raise PageBusy(f"The page answered {reply.status_code}; it is tried again.")
    if reply.status_code != 200:
        raise PageRefused(
            f"The page answered {reply.status_code}; check that the address opens without signing in."
        )
    media_type = reply.headers.get("Content-Type", "")
    kind = kind_of(media_type, reply.url.path.rpartition("/")[2])
    if len(reply.content) > most_bytes(kind):
        raise DocumentTooLarge(f"The page has more than {most_bytes(kind) >> 20} MiB.")
    return Page(reply.content, kind, reply.charset_encoding or "")


def _next(reply: httpx.Response) -> str:
    """Where a redirect leads; never from https to http."""
    try:
        target = reply.url.join(reply.headers.get("Location", ""))
    except httpx.InvalidURL:
        raise PageRefused("The page sent us on to something that is no address.") from None
    if reply.url.scheme == "https" and target.scheme != "https":
        raise PageRefused("The page sent us from https to an address that is not encrypted.")
    return checked_url(str(target))
