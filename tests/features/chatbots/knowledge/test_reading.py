"""Documents as text, and texts as passages."""

import time
from itertools import pairwise

import pytest

from botyard.features.chatbots.knowledge import documents
from botyard.features.chatbots.knowledge.chunks import OVERLAP, WORDS, cut, sentences, words
from botyard.features.chatbots.knowledge.documents import Document, kind_of
from botyard.features.chatbots.knowledge.errors import (
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
)
from botyard.features.chatbots.knowledge.sections import Section
from botyard.features.chatbots.knowledge.terms import asked, terms

PAGE = """<!doctype html><html><head><title>Parcels &amp; more</title><style>p {color: red}</style>
<script>document.write("<p>written by a script</p>")</script></head><body>
<nav><ul><li>Home<li>Prices</ul></nav><div class="hidden-on-phones">Shown everywhere</div>
<main><h1>Prices</h1><p>A small parcel costs <b>four</b> euros.</p><p hidden>not shown</p>
<h2>Islands</h2><p>Three euros <i>more</i> &lt;each&gt;.</p><table><tr><th>Size</th><th>Price</th></tr><tr><td>L</td><td>9</td></tr></table>
<!-- a comment --><noscript><p>no script</p></noscript></main><footer>Imprint</footer></body></html>"""


def sections(kind: str, text: str) -> list[tuple[tuple[str, ...], str]]:
    return [(section.headings, section.text) for section in documents.read(kind, text.encode()).sections]


def test_a_page_is_its_main_content_below_its_headings() -> None:
    page = documents.read("html", PAGE.encode())

    assert page.title == "Parcels & more"
    assert [(section.headings, section.text) for section in page.sections] == [
        (("Prices",), "A small parcel costs four euros."),
        (("Prices", "Islands"), "Three euros more <each>.\n\nSize, Price\n\nL, 9"),
    ]


def test_a_page_without_a_main_element_is_all_that_is_shown() -> None:
    text = sections("html", PAGE.replace("main>", "div>"))
    assert text[0] == ((), "Shown everywhere")
    assert "Imprint" not in str(text)


@pytest.mark.parametrize(
    "page",
    [
        "<p " * 300_000,
        "<nav>" * 50_000 + "</b>" * 50_000,
        "<!--" * 300_000,
        '<a "' * 2500 + ">" * 400_000,
        "<title>" * 150_000,
        "<script>" * 100_000 + "a",
        "&" * 1_000_000,
    ],
    ids=["tags", "nested", "comments", "quotes", "titles", "scripts", "entities"],
)
def test_a_broken_page_is_read_without_delay(page: str) -> None:
    started = time.process_time()
    try:
        documents.read("html", f"<p>Something to read.</p>{page}".encode())
    finally:
        assert time.process_time() - started < 3


def test_markdown_loses_its_marks_and_keeps_its_text() -> None:
    text = (
        "---\ntags: none\n---\n# Sending\n\nUse **any** [counter](https://example.org/map), or `call` us.\n"
        "- first\n- second\n\nPrices\n------\n| Size | Price |\n|---|---|\n| L | 9 |\n\n"
        "<!-- hidden -->\n```\n# no heading *here*\n```\n### Islands ###\nsnake_case_name stays\n"
    )
    assert sections("markdown", text) == [
        (("Sending",), "Use any counter, or call us.\n- first\n- second"),
        (("Sending", "Prices"), "Size, Price\nL, 9\n\n# no heading *here*"),
        (("Sending", "Prices", "Islands"), "snake_case_name stays"),
    ]


def test_a_table_gives_a_passage_for_each_question() -> None:
    text = 'Category;Answer;Question\nhours;"Until six; on Saturdays until noon";When do you close?\nnone;;Empty?\n'
    assert sections("csv", text) == [(("When do you close?",), "Until six; on Saturdays until noon")]
    assert sections("csv", "Is it open?,Yes\n") == [(("Is it open?",), "Yes")]
    with pytest.raises(DocumentUnreadable, match="Row 2"):
        documents.read("csv", b"question,answer\nalone\n")


def test_text_is_read_in_the_charset_it_has() -> None:
    said = "Größe: 5 €"
    for content, charset in [
        (said.encode("utf-8-sig"), ""),
        (said.encode("utf-16"), ""),
        (said.encode("cp1252"), ""),
        (said.encode("utf-8"), "zip"),  # no charset, whatever the sender says
        (said.encode("iso-8859-15"), "iso-8859-15"),
    ]:
        assert documents.read("text", content, charset).sections[0].text == said


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "raw-unicode-escape", "undefined"])
def test_what_python_calls_a_charset_and_nobody_else_is_passed_over(charset: str) -> None:
    page = f"<meta charset={charset}><p>one\\u0041-two</p>".encode()
    assert documents.read("html", page, charset).sections[0].text == "one\\u0041-two"
    documents.read("text", b"a" * 150_000 + b"-" + b"b" * 150_000, charset)  # the first would take minutes


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 text", b"PK\x03\x04" + b"x" * 99, bytes(range(1, 256)) * 9, b"\x00\x01" * 500]
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnsupported):
        documents.read("text", content)


def test_the_kind_follows_from_type_and_name() -> None:
    assert kind_of("text/html; charset=utf-8", "") == "html"
    assert kind_of("text/plain", "readme.md") == "markdown"
    assert kind_of("", "questions.CSV") == "csv"
    for media_type, name in [("application/zip", "a.pdf"), ("image/png", "a.md"), ("", "a.exe"), ("", "")]:
        with pytest.raises(DocumentUnsupported):
            kind_of(media_type, name)


def test_nothing_to_read_is_an_error() -> None:
    with pytest.raises(DocumentUnreadable):
        documents.read("html", b"<script>only()</script><nav>menu</nav>")


def test_long_sections_are_cut_at_sentences_and_overlap() -> None:
    spoken = [f"Sentence number {number} of this text says a little about parcels." for number in range(100)]
    chunks = cut(Document("", [Section(("Top", "Sub"), " ".join(spoken))]), "Guide")

    assert {chunk.heading for chunk in chunks} == {"Top > Sub"}
    assert all(words(chunk.text) <= WORDS for chunk in chunks)
    assert {sentence for chunk in chunks for sentence in sentences(chunk.text)} == set(spoken)
    for one, other in pairwise(chunks):
        assert 0 < words(" ".join(set(sentences(one.text)) & set(sentences(other.text)))) <= OVERLAP


def test_what_has_no_sentences_is_cut_all_the_same() -> None:
    for text in ("x" * 50_000, "word " * 5_000, "今日は天気がいいです" * 500):
        chunks = cut(Document("", [Section((), text)]), "Guide")
        assert max(len(chunk.text) for chunk in chunks) <= 2000
        assert "".join("".join(chunk.text.split()) for chunk in chunks)[:1000] == "".join(text.split())[:1000]


def test_a_document_has_a_bounded_number_of_passages() -> None:
    many = [Section((str(number),), "text") for number in range(5001)]
    with pytest.raises(DocumentTooLarge):
        cut(Document("", many), "Guide")


def test_words_compare_without_case_marks_and_endings() -> None:
    assert terms("Deliveries, DELIVERY") == ["delivery"] * 2
    assert terms("shipping shipped ship") == ["ship"] * 3
    assert terms("Café CAFÉ cafe") == ["caf"] * 3
    assert terms("東京都") == ["東京", "京都"]
    assert terms("नमस्ते") == ["नमस्ते"]
    assert asked("How do I return it?") == ["return"]
    assert asked("who are you") == ["who", "are", "you"]  # nothing else was said
