"""What the process that reads a PDF answers."""

import msgspec


class Part(msgspec.Struct, array_like=True):
    """The text of a page, or of a piece of it, below the bookmarks that it stands under."""

    page: int
    headings: list[str]
    text: str


class Read(msgspec.Struct):
    """What was in the file; with a `refusal` nothing was."""

    title: str = ""
    parts: list[Part] = []
    refusal: str = ""
