"""The process that reads one file, or writes one, and ends: whatever a file does, it does to this process."""

import os
import sys
import threading
import traceback
from typing import BinaryIO

import msgspec

from botyard.features.chatbots import formats
from botyard.features.chatbots.formats import wire
from botyard.features.chatbots.formats.imported import TOO_LARGE, Imported
from botyard.features.chatbots.formats.wire import Word
from botyard.kit import bounded, frames
from botyard.kit.errors import Invalid

MAX_BESIDE = 4 * 1024 * 1024  # bytes of JSON that a file brings beside its examples; a draft has half of it
_NICE = 5


def answer(asked: BinaryIO, output: BinaryIO) -> None:
    """Carry out the order that comes, and say what came of it, also where nothing did."""
    try:
        _carry_out(asked, output)
    except Invalid as error:
        _say(output, Word(what="refused", note=str(error), details=error.details))
    except (MemoryError, RecursionError):
        _say(output, Word(what="refused", note=TOO_LARGE))
    except Exception:
        traceback.print_exc()
        _say(output, Word(what="failed"))


def _carry_out(asked: BinaryIO, output: BinaryIO) -> None:
    order = wire.order(frames.read(asked))
    if order.what == "write":
        assert order.project is not None
        while piece := wire.piece(frames.read(asked)):
            order.project.examples += piece
        end_with(asked)
        _say(output, Word(what="written", exported=formats.write(order.format, order.project)))
        return
    data = frames.read(asked)
    end_with(asked)
    imported = formats.read(data, order.filename, order.format)
    _check_beside(imported)
    examples, imported.examples = imported.examples, []
    packed = [wire.packed(piece) for piece in wire.pieces(examples)]
    intents = len({example.intent for example in examples})
    _say(output, Word(what="read", imported=imported, examples=len(examples), intents=intents, pieces=len(packed)))  # fmt: skip
    for body in packed:
        frames.send(output, body)


def _check_beside(imported: Imported) -> None:
    beside = (imported.content, imported.responses, imported.extras, imported.report)
    if len(msgspec.json.encode(beside)) > MAX_BESIDE:
        raise Invalid(
            f"What the file holds beside its examples is larger than {MAX_BESIDE // 1024**2} MiB; divide it."
        )


def _say(output: BinaryIO, word: Word) -> None:
    frames.send(output, wire.packed(word))


def end_with(pipe: BinaryIO) -> None:
    """End this process as soon as the server's end of the pipe is closed, whatever it is doing."""

    def wait() -> None:
        pipe.read(1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Arguments: memory in MiB, seconds of processor time."""
    output = bounded.take_output()
    bounded.bound(int(arguments[0]), int(arguments[1]), nice=_NICE)
    answer(sys.stdin.buffer, output)
    output.close()
    sys.stderr.flush()
    os._exit(0)  # the thread that waits for the server would hold it


if __name__ == "__main__":
    main(sys.argv[1:])
