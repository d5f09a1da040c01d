"""PDF files made here: lines of text on pages, bookmarks, a password."""

import io
import zlib
from collections.abc import Sequence
from typing import Any

from pypdf import PdfReader, PdfWriter


def pdf(
    pages: Sequence[Sequence[str]],
    *,
    bookmarks: Sequence[tuple[str, int, int]] = (),
    title: str = "",
    password: str | None = None,
) -> bytes:
    """A file with these lines on its pages. Bookmarks: words, page counted from 0, level counted from 1."""
    writer = PdfWriter(PdfReader(io.BytesIO(bare([content(lines) for lines in pages]))))
    above: list[Any] = []
    for words, page, level in bookmarks:
        del above[level - 1 :]
        parent = above[-1] if above else None
        above.append(writer.add_outline_item(title=words, page_number=page, parent=parent))
    if title:
        writer.add_metadata({"/Title": title})
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def content(lines: Sequence[str]) -> bytes:
    """What draws lines on a page, from its top."""
    shown = [f"({line.translate(_ESCAPED)}) Tj T*" for line in lines]
    return "\n".join(["BT /F1 12 Tf 14 TL 50 780 Td", *shown, "ET"]).encode("cp1252")


_ESCAPED = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})


def bare(pages: Sequence[bytes], *, packed: bool = True) -> bytes:
    """A file whose pages are drawn by these instructions."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, drawn in enumerate(pages):
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
        objects.append(f"{page}/Contents {5 + 2 * number} 0 R >>".encode())
        stream = zlib.compress(drawn) if packed else drawn
        head = f"<< /Length {len(stream)}{' /Filter /FlateDecode' if packed else ''} >>\nstream\n".encode()
        objects.append(head + stream + b"\nendstream")
    whole, places = b"%PDF-1.7\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(whole))
        whole += f"{number} 0 obj\n".encode() + value + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(whole)}\n%%EOF\n"
    return (
        whole + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode() + end.encode("latin-1")
    )
