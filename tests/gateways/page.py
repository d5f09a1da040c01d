"""The examples of the page on checking tokens, as their readers copy them."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "check-tokens.md"
BOTYARD = "http://127.0.0.1:8000"
SERVICE = "http://127.0.0.1:9000"


def example(language: str, **places: str) -> str:
    """The page's example in a language; `places` are what a reader changes, by what stands there."""
    found = re.findall(rf"^```{language}\n(.*?)^```", _PAGE.read_text("utf-8"), re.M | re.S)
    assert len(found) == 1, f"{len(found)} examples in {language}"
    text: str = found[0]
    for shown, wanted in places.items():
        assert shown in text, f"{shown} is not in the example"
        text = text.replace(shown, wanted)
    return text
