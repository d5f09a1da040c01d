"""PDF as a document: pages and bookmarks, and files that are broken, locked, scanned or made to do harm."""

import random

import pytest

from botyard.core.accounts.models import User
from botyard.core.jobs import Unrecoverable
from botyard.features.chatbots.knowledge import pdf, pdf_worker, sources
from botyard.features.chatbots.knowledge.documents import MAX_BYTES, kind_of, most_bytes
from botyard.features.chatbots.knowledge.errors import DocumentTooLarge, DocumentUnreadable
from botyard.features.chatbots.knowledge.library import Library
from botyard.kit.db import Database
from tests.features.chatbots.knowledge import pdfs
from tests.features.chatbots.knowledge.conftest import Read
from tests.features.chatbots.knowledge.test_search import version_of

GUIDE = [
    [
        "Parcel guide",
        "This guide says how parcels are sent, followed and returned, and what we do where some-",
        "thing goes wrong.",
        "Opening hours",
        "Our counters are open on weekdays from eight in the morning until six in the evening.",
    ],
    ["On Saturdays they close at noon, and on Sundays they stay closed."],
    ["Prices", "A small parcel costs four euros (within the country)."],
]
BOOKMARKS = [("Parcel guide", 0, 1), ("1. Opening hours", 0, 2), ("2. Prices", 2, 2)]


def parts(content: bytes) -> list[tuple[int, list[str], str]]:
    found = pdf_worker.read(content)
    assert found.refusal == ""
    return [(part.page, part.headings, part.text) for part in found.parts if part.text]


def test_text_stands_below_its_bookmarks_and_on_its_page() -> None:
    file = pdfs.pdf(GUIDE, bookmarks=BOOKMARKS, title="Parcels")

    assert pdf_worker.read(file).title == "Parcels"
    assert parts(file) == [
        (
            1,
            ["Parcel guide"],
            "This guide says how parcels are sent, followed and returned, and what we do where something goes wrong.",
        ),
        (1, ["Parcel guide", "1. Opening hours"], GUIDE[0][4]),
        (2, ["Parcel guide", "1. Opening hours"], GUIDE[1][0]),
        (3, ["Parcel guide", "2. Prices"], GUIDE[2][1]),
    ]


def test_without_bookmarks_there_are_pages() -> None:
    found = parts(pdfs.pdf(GUIDE))

    assert [(page, headings) for page, headings, _ in found] == [(1, []), (2, []), (3, [])]
    assert found[2][2] == "Prices\nA small parcel costs four euros (within the country)."


@pytest.mark.parametrize("count", [2, 4])
def test_what_stands_on_every_page_is_left_out(count: int) -> None:
    pages = [
        ["Parcel guide 2026", f"Said on page {'ABCD'[n]}.", "Our company", f"{n + 1} of {count}"]
        for n in range(count)
    ]

    assert [text for _, _, text in parts(pdfs.pdf(pages))] == [
        f"Said on page {'ABCD'[n]}." for n in range(count)
    ]


def test_a_list_keeps_its_lines() -> None:
    wide = "A line that is as long as lines usually are on this page"
    page = [
        wide,
        "and goes on.",
        "Bring along:",
        "- the receipt, or a picture of it in which one can read it",
        "- the parcel",
    ]

    assert parts(pdfs.pdf([page]))[0][2] == "\n".join([f"{wide} and goes on.", *page[2:]])


async def test_an_answer_names_the_page(house: Database, read: Read, alice: User, chatbot_id: str) -> None:
    source = await read(pdfs.pdf(GUIDE, bookmarks=BOOKMARKS), name="Guide.PDF", media_type="application/pdf")
    assert (source.state, source.kind, source.chunk_count) == ("ready", "pdf", 4)

    found = await Library(house).search(
        "When do you close on Saturdays?", owner_id=alice.id, version=version_of(chatbot_id), language="en"
    )

    assert found.text == GUIDE[1][0]
    assert [(each["title"], each["heading"]) for each in found.citations] == [
        ("Guide.PDF", "Parcel guide > 1. Opening hours > Page 2")
    ]
    assert not (await Library(house).find(chatbot_id, "page 2", owner_id=alice.id)).answers
    with pytest.raises(Unrecoverable, match="pictures of pages"):
        await read(pdfs.bare([b"0 0 100 100 re f"]), name="scan.pdf")
    async with house.session() as session:
        large = b"%PDF-" + bytes(most_bytes("pdf"))
        with pytest.raises(DocumentTooLarge, match="8 MiB"):
            await sources.add(session, chatbot_id, owner_id=alice.id, content=large, name="large.pdf")


async def test_a_file_that_would_take_too_much_ends_its_own_process_only() -> None:
    wide = pdfs.bare([b"BT /F1 12 Tf (" + b"a" * 20_000_000 + b") Tj ET"])
    with pytest.raises(DocumentUnreadable, match="too much memory"):
        await pdf.read(wide, memory_mb=1)  # beside what Python itself has by then
    long = pdfs.bare([b"BT /F1 12 Tf " + b"(a) Tj T* " * 400_000 + b"ET"])
    with pytest.raises(DocumentUnreadable, match="more time or memory"):
        await pdf.read(long, cpu_s=1)


def test_what_cannot_be_read_says_why() -> None:
    bomb = pdfs.bare([b"BT /F1 12 Tf (" + b"a" * (pdf_worker.MAX_UNPACKED + 100) + b") Tj ET"])
    refusals = {
        "password": pdfs.pdf(GUIDE, password="secret"),
        "text recognition": pdfs.bare([b"0 0 100 100 re f"]),
        "unpacks": bomb,
        "damaged": b"%PDF-1.7\n" + bytes(1000),
        "more than 2000 pages": pdfs.bare([b""] * 2001),
    }
    assert len(bomb) < MAX_BYTES
    assert {
        words: words in pdf_worker.read(file).refusal for words, file in refusals.items()
    } == dict.fromkeys(refusals, True)


def test_a_password_that_only_forbids_printing_keeps_nobody_from_reading() -> None:
    assert parts(pdfs.pdf(GUIDE, password=""))[1][2] == GUIDE[1][0]


def test_broken_files_are_refused_and_never_worse() -> None:
    file, chance = pdfs.pdf(GUIDE, bookmarks=BOOKMARKS), random.Random(3)
    for _ in range(150):
        broken = bytearray(file)
        for _ in range(chance.randrange(1, 12)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        if chance.random() < 0.3:
            del broken[chance.randrange(len(broken)) :]
        found = pdf_worker.read(bytes(broken))
        assert found.refusal or found.parts
    loop = pdfs.bare([pdfs.content(["Hello"])]).replace(b"/Parent 2 0 R", b"/Kids [2 0 R]")
    assert pdf_worker.read(loop.replace(b"/Type /Page ", b"/Type /Pages ")).refusal


def test_a_pdf_is_known_by_its_type_or_its_name() -> None:
    assert [
        kind_of("application/pdf", "guide"),
        kind_of("", "a.pdf"),
        kind_of("application/octet-stream", "a.PDF"),
    ] == ["pdf"] * 3
