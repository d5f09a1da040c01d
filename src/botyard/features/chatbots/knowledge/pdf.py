"""PDF as a document: read in a process of its own, which no file can make hold up the server or outgrow it."""

import asyncio

import msgspec
import structlog

from botyard.features.chatbots.knowledge.documents import Document
from botyard.features.chatbots.knowledge.errors import DocumentUnreadable
from botyard.features.chatbots.knowledge.pdf_wire import Read
from botyard.features.chatbots.knowledge.sections import Section
from botyard.kit import child_process
from botyard.kit.child_process import ChildProcess

log = structlog.get_logger(__name__)

MEMORY_MB, CPU_S = 1024, 60
TIMEOUT_S = 120.0  # of the clock, where others use the processor too
_MODULE = "botyard.features.chatbots.knowledge.pdf_worker"
_answers = msgspec.msgpack.Decoder(Read)


async def read(content: bytes, *, memory_mb: int = MEMORY_MB, cpu_s: int = CPU_S) -> Document:
    """The text of a PDF, a section for each page or heading. Raises DocumentUnreadable, which says why."""
    child = ChildProcess(await child_process.begin(_MODULE, str(memory_mb), str(cpu_s)))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await child.send(content)
            found = _answers.decode(await child.receive())
    except (EOFError, OSError, ValueError, TimeoutError):
        printed = await child.end()
        log.warning("pdf_not_read", status=child.process.returncode, printed=printed[-500:])
        raise DocumentUnreadable(
            "The PDF takes more time or memory than a document may; save it anew, or split it into several."
        ) from None
    except BaseException:
        await child.end()
        raise
    printed = await child.close()
    if found.refusal:
        log.info("pdf_refused", why=found.refusal, printed=printed[-500:])
        raise DocumentUnreadable(found.refusal)
    sections = [
        Section(tuple(part.headings), part.text, place=f"Page {part.page}")
        for part in found.parts
        if part.text
    ]
    return Document(" ".join(found.title.split())[:200], sections)
