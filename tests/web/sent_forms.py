"""What a browser would send of a form as it was shown: every field with what stands in it."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.fields: list[tuple[str, str]] = []
        self._inside = False
        self._templates = 0
        self._area: str | None = None
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = at.get("id") == self.form
        if tag == "template":
            self._templates += 1
        if not self._inside or self._templates or "disabled" in at:
            return
        name = at.get("name", "")
        if tag == "input" and name:
            ticked = at.get("type") not in ("checkbox", "radio") or "checked" in at
            if ticked and at.get("type") != "file":
                self.fields.append((name, at.get("value", "")))
        elif tag == "textarea":
            self._area = name
            self.fields.append((name, ""))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select is not None:
            self._options.append((at.get("value", ""), "selected" in at))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "template":
            self._templates -= 1
        elif tag == "textarea":
            self._area = None
        elif tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected] or [
                value for value, _ in self._options[:1]
            ]
            self.fields += [(self._select, value) for value in chosen[:1]]
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._inside and not self._templates:
            name, text = self.fields[-1]
            self.fields[-1] = (name, text + data)


def fields_of(html: str, form: str) -> dict[str, str | list[str]]:
    """The fields of the form with that id; a name that occurs several times has all its values, in order."""
    reader = _Reader(form)
    reader.feed(html)
    assert reader.fields, f"no form {form}"
    found: dict[str, str | list[str]] = {}
    for name, value in reader.fields:
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found
