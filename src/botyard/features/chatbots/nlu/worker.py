"""The process that trains: it takes orders, one after the other, and says how far it is.

It ends with the server that started it, and after a training that left it large or has taken much of its time.
"""

import contextlib
import gc
import importlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

import msgspec

from botyard.features.chatbots.nlu import encoders, wire
from botyard.features.chatbots.nlu.encoder_process import EncoderProcess
from botyard.features.chatbots.nlu.encoders import EmbeddingCache, Encoder
from botyard.features.chatbots.nlu.text import MAX_TEXT, sound
from botyard.features.chatbots.nlu.wire import Order, Word
from botyard.kit import bounded, frames
from botyard.kit.errors import BotyardError, Invalid

_NICE = 10
_STAY_MB, _STAY_CPU_S = 400, 60  # what a process may have taken that is kept for another training


def listen(pipe: BinaryIO, orders: "SimpleQueue[Order]") -> None:
    """Take orders; end this process as soon as the server's end of the pipe is closed, whatever it is doing."""
    try:
        while True:
            orders.put(wire.read_order(pipe))
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def say(output: BinaryIO, word: Word) -> None:
    """Tell the server."""
    frames.send(output, wire.packed(word))


class EncoderMissing(Exception):
    """An encoder was named that is not here."""


class Desk:
    """Where orders are carried out; the encoder that was used last stays at hand."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._encoder: EncoderProcess | None = None

    def prepare(self, encoder: str) -> None:
        """Load what most orders need, before there is one. What is missing, the order will be told."""
        self._encoder_of(encoders.load(encoder))
        with contextlib.suppress(ModuleNotFoundError):
            import_learning()

    def answer(self, order: Order) -> Word:
        """What came of an order, also where nothing did."""
        try:
            return self._learn(order)
        except EncoderMissing as error:
            return Word(
                what="missing",
                note=f"The encoder {error} is not installed: run `pip install 'botyard[minilm]'`, or name another in the setting training_encoder.",
            )
        except Invalid as error:
            return Word(what="refused", note=str(error))
        except BotyardError as error:
            return Word(what="failed", note=str(error))
        except ModuleNotFoundError as error:
            traceback.print_exc()
            return Word(
                what="missing", note=f"{error.name} is not installed: run `pip install 'botyard[nlu]'`."
            )
        except MemoryError:
            return Word(
                what="failed", note="There is not enough memory for so many examples: train with fewer."
            )

    def _learn(self, order: Order) -> Word:
        found = encoders.load(order.encoder) if order.options.use_encoder else None
        if found is None and order.encoder and order.options.use_encoder:
            raise EncoderMissing(order.encoder)
        encoder = self._encoder_of(found)  # first: it loads meanwhile
        from botyard.features.chatbots.nlu.kept import KeptVectors

        kept = KeptVectors(Path(order.cache), encoder) if encoder is not None and order.cache else None
        cache: EmbeddingCache = {} if kept is None else kept
        if encoder is not None:
            encoder.ahead([sound(each.text[:MAX_TEXT]) for each in order.examples], cache)

        import_learning()  # now, while the encoder loads
        from botyard.features.chatbots.nlu.train import train

        if encoder is not None:
            encoder.arrived(cache)
        trained = train(order.examples, order.options, encoder=encoder, cache=cache, progress=self._progress)
        if kept is not None:
            kept.save()
        return Word(what="done", model=trained.model.to_bytes(), report=msgspec.json.encode(trained.report))

    def _encoder_of(self, wanted: Encoder | None) -> EncoderProcess | None:
        if wanted is None:
            return None
        if self._encoder is None or self._encoder.fingerprint != wanted.fingerprint:
            if self._encoder is not None:
                self._encoder.close()
            self._encoder = EncoderProcess(wanted)
        return self._encoder

    def _progress(self, share: float, note: str) -> None:
        say(self._output, Word(what="progress", share=share, note=note))


def import_learning() -> None:
    """Import what training needs, which takes most of a second."""
    for name in ("sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.svm"):
        importlib.import_module(name)
    importlib.import_module("botyard.features.chatbots.nlu.train")


def stays(word: Word, *, most_mb: int = _STAY_MB, most_cpu_s: float = _STAY_CPU_S) -> bool:
    """Whether another order may come: only to a process that is small and has most of its time before it."""
    if word.what not in ("done", "refused"):
        return False
    gc.collect()
    return time.process_time() < most_cpu_s and resident_mb() < most_mb


def resident_mb() -> int:
    """Memory that this process takes; where the system does not say, as if it were too much to stay."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return _STAY_MB
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024 // 1024


def main(arguments: list[str]) -> None:
    """Arguments: memory in MiB, seconds of processor time, and perhaps AHEAD with the name of an encoder."""
    output = bounded.take_output()
    bounded.bound(int(arguments[0]), int(arguments[1]), nice=_NICE)
    status = 0
    try:
        work(output, arguments[2:])
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    # Python would wait for the thread that waits for the server, or abort for its sake, as if a signal had ended it.
    os._exit(status)


def work(output: BinaryIO, arguments: list[str]) -> None:
    """Carry orders out until this process is too large or too old for another."""
    orders: SimpleQueue[Order] = SimpleQueue()
    threading.Thread(target=listen, args=(sys.stdin.buffer, orders), daemon=True).start()
    desk, on = Desk(output), True
    if arguments[:1] == [wire.AHEAD]:
        desk.prepare(arguments[1])
    while on:
        word = desk.answer(orders.get())
        word.stays = on = stays(word)
        say(output, word)
        del word  # the model in it is large
    output.close()


if __name__ == "__main__":
    main(sys.argv[1:])
