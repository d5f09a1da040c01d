"""A worker process: one engine, one request at a time, within bounds; it ends with the server that started it.

Engines are C libraries and models that read what strangers send. Here they can crash, hang or swallow memory without
touching the server.
"""

import importlib
import json
import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from botyard.features.chatbots.voice import wire
from botyard.features.chatbots.voice.wire import Answer, Ask
from botyard.kit.errors import Invalid


class Mailbox:
    """Requests as they come, and which one of them nobody waits for any more."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._asks: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._stopped: int = 0

    def listen(self) -> None:
        """Read until the server has gone, and end this process then, whatever it is doing."""
        while (ask := wire.read_ask(self._pipe)) is not None:
            if ask.what == "stop":
                self._stopped = ask.number
            else:
                self._asks.put(ask)
        os._exit(0)

    def next(self) -> Ask:
        """The next request, waited for."""
        return self._asks.get()

    def stopped(self, number: int) -> bool:
        """Whether nobody waits for this request any more."""
        return self._stopped == number


def limit(memory_mb: int) -> None:
    """Bound memory, leave no core dumps, and let the server go first. Where the system has no limits there are none."""
    try:
        import resource
    except ImportError:
        return
    size = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def take_output() -> BinaryIO:
    """The pipe to the server; what libraries print does not get into it."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return pipe


def load(backend: str, options: dict[str, Any]) -> Any:
    """The engine itself, from `module:name`."""
    module, _, name = backend.partition(":")
    return getattr(importlib.import_module(module), name)(options)


def work(engine: Any, ask: Ask, mailbox: Mailbox) -> Answer:
    """Do what was asked."""
    if ask.what == "voices":
        return Answer(number=ask.number, voices=engine.voices())
    if ask.what == "say":
        return Answer(number=ask.number, sound=engine.say(ask.text, ask.voice, ask.speed))
    heard = engine.hear(ask.audio, ask.kind, ask.language, lambda: mailbox.stopped(ask.number))
    return Answer(number=ask.number, transcript=heard)


def serve(mailbox: Mailbox, output: BinaryIO, backend: str, options: dict[str, Any]) -> None:
    """Answer requests for ever; the engine is loaded with the first one, so that its trouble is an answer too."""
    engine: Any = None
    while True:
        ask = mailbox.next()
        try:
            engine = engine or load(backend, options)
            answer = wire.frame(work(engine, ask, mailbox))
        except Invalid as error:
            answer = wire.frame(Answer(number=ask.number, problem=str(error), whose="input"))
        except Exception as error:  # whatever a library raises: the server says it, and its log has the rest
            problem, trace = f"{type(error).__name__}: {error}"[:500], traceback.format_exc()[-4000:]
            answer = wire.frame(Answer(number=ask.number, problem=problem, trace=trace, whose="engine"))
        write(output, answer)


def write(output: BinaryIO, data: bytes) -> None:
    """All of it: a pipe takes what fits."""
    view = memoryview(data)
    while view:
        view = view[output.write(view) or 0 :]


def main(arguments: list[str]) -> None:
    """Arguments: the engine as `module:name`, its memory in MiB, its options as JSON."""
    backend, memory_mb, options = arguments
    output = take_output()
    limit(int(memory_mb))
    mailbox = Mailbox(sys.stdin.buffer)
    threading.Thread(target=mailbox.listen, daemon=True).start()
    serve(mailbox, output, backend, json.loads(options))


if __name__ == "__main__":
    main(sys.argv[1:])
