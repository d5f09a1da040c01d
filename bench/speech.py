"""How many words come back wrong when one engine speaks and another listens, for each pair that is installed.

    python -m bench.speech [--repeats 2] [--whisper folder …] [--show]

Twenty sentences that chatbots hear and say. Piper speaks a sentence a little differently each time, so it speaks each one
`--repeats` times. Compared are words: case and punctuation do not count, numbers, times and money count the same in digits
and in words, contractions the same as what they stand for. "plain" is PocketSphinx or faster-whisper with the defaults of its
package, called as its documentation does, over the same sound. Printed are word error rates, those of the sentences with "table
for two" alone, and seconds of work for each second of sound. `--whisper` names further models for faster-whisper, `--show`
prints what was misheard.
"""

import argparse
import asyncio
import importlib
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from botyard.features.chatbots.voice import audio, local_engines, samples
from botyard.features.chatbots.voice import faster_whisper as models
from botyard.features.chatbots.voice.port import Setup, Sound, SpeechEngine, Voice
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests.features.chatbots.voice.recordings import distance

SENTENCES = """
I would like a table for two.
Do you have a table for two at seven this evening?
Your table for two is booked.
Please book a table for four on Friday at eight thirty.
Yes, please.
No, thank you.
What time do you open on Sunday?
We are open from nine in the morning until six in the evening.
Where is my order?
My order number is four seven two nine.
Your order was shipped yesterday and arrives on Monday.
I want to cancel my order.
How much does delivery cost?
Delivery is free for orders over thirty dollars.
Can I talk to a real person?
I will connect you with a colleague.
Could you change my appointment to next Tuesday at ten?
Your appointment is on the third of March at a quarter past two.
I forgot my password.
Is there anything else I can help you with?
""".strip().splitlines()
GATE = "table for two"
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SHORT = (
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"'m\b", " am"),
    (r"\b(where|what|who|how|that|it|he|she|there|here)'s\b", r"\1 is"),
)

Listen = Callable[[bytes], Awaitable[str]]


@dataclass
class Pair:
    """One that speaks and one that listens."""

    speaker: str
    listener: str
    wrong: int = 0
    said: int = 0
    gate_wrong: int = 0
    gate_said: int = 0
    work_s: float = 0.0
    sound_s: float = 0.0
    misheard: list[tuple[str, str]] = field(default_factory=list)

    def add(self, said: str, heard: str, *, work_s: float, sound_s: float) -> None:
        """Count one sentence."""
        one, other = compared(said), compared(heard)
        wrong = distance(one, other)
        self.wrong, self.said = self.wrong + wrong, self.said + len(one)
        if GATE in said:
            self.gate_wrong, self.gate_said = self.gate_wrong + wrong, self.gate_said + len(one)
        self.work_s, self.sound_s = self.work_s + work_s, self.sound_s + sound_s
        if wrong:
            self.misheard.append((said, heard))


def compared(text: str) -> list[str]:
    """The words that count, written in one way; of a number each digit, since 8:30 and 4729 are read in many ways."""
    text = text.lower().replace("\u2019", "'")
    text = re.sub(r"\$\s?(\d+)", r"\1 dollars", text)
    text = re.sub(r"\b3rd\b", "third", text)
    text = re.sub(r"\b(\d+):00\b", r"\1", text)
    for short, whole in _SHORT:
        text = re.sub(short, whole, text)
    found: list[str] = []
    number = ""
    for word in [*re.sub(r"[^\w']", " ", text).split(), ""]:
        ten = _TENS.index(word) + 2 if word in _TENS else 0
        one = _ONES.index(word) if word in _ONES else 0
        if number and 0 < one < 10:  # "twenty one"
            found += [number, str(one)]
            number = ""
            continue
        found += [number, "0"] if number else []
        number = str(ten) if ten else ""
        if word in _ONES:
            found += str(one)
        elif word and not ten:
            found += word if word.isdigit() else [word]
    return found


def plain() -> Listen:
    """PocketSphinx as its package is, without anything of ours but the rate of the samples."""
    decoder = importlib.import_module("pocketsphinx").Decoder(samprate=16000, loglevel="FATAL")

    async def listen(wav: bytes) -> str:
        pcm = samples.to_pcm(samples.mono(wav))
        decoder.start_utt()
        decoder.process_raw(pcm, False, True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return listen


def plain_whisper(folder: str) -> Listen:
    """faster-whisper as its package is; it reads the recording itself."""
    model = importlib.import_module("faster_whisper").WhisperModel(folder, device="cpu", compute_type="int8")

    async def listen(wav: bytes) -> str:
        parts, _ = model.transcribe(io.BytesIO(wav), language="en")
        return " ".join(part.text.strip() for part in parts)

    return listen


def ours(engine: SpeechEngine) -> Listen:
    """An engine as the server uses it: in its worker process."""

    async def listen(wav: bytes) -> str:
        return (await engine.transcribe(wav, kind=audio.WAV, language="en")).text

    return listen


async def speakers(setup: Setup) -> list[tuple[str, SpeechEngine, Voice]]:
    """Engines that speak here, each with the voices that are compared."""
    found = []
    for name, engine in (("Piper", local_engines.piper(setup)), ("eSpeak NG", local_engines.espeak(setup))):
        if refusal := engine.refusal():
            print(f"left out: {refusal}")
            continue
        for voice in await engine.voices():
            if name == "Piper" or voice.id in ("espeak:en-us", "espeak:en-us+klatt"):
                found.append((f"{name} {voice.id.partition(':')[2]}", engine, voice))
    return found


def listeners(setup: Setup, folders: list[Path]) -> dict[str, tuple[Listen, SpeechEngine | None]]:
    """Who listens here, and what must be closed behind it."""
    found: dict[str, tuple[Listen, SpeechEngine | None]] = {}
    sphinx = local_engines.pocketsphinx(setup)
    if refusal := sphinx.refusal():
        print(f"left out: {refusal}")
    else:
        found = {"PocketSphinx, plain": (plain(), None), "PocketSphinx": (ours(sphinx), sphinx)}
    for folder in (None, *folders):
        changed = setup.settings.model_copy(update={"voice_whisper_dir": folder})
        whisper = local_engines.faster_whisper(Setup(changed, setup.db))
        if refusal := whisper.refusal():
            print(f"left out: {refusal}")
        else:
            name = f"faster-whisper, {folder.name if folder else 'packed model'}"
            found[f"{name}, plain"] = (plain_whisper(models.folder(folder)), None)
            found[name] = (ours(whisper), whisper)
    return found


async def spoken(engine: SpeechEngine, voice: Voice, repeats: int) -> tuple[list[tuple[str, Sound]], float]:
    """Every sentence as sound, and seconds of work for a second of it."""
    await engine.synthesize("Hello.", voice, speed=1.0)  # the model is loaded
    began = time.perf_counter()
    times = repeats if voice.engine == "piper" else 1  # eSpeak says the same each time
    sounds = [
        (text, await engine.synthesize(text, voice, speed=1.0)) for text in SENTENCES for _ in range(times)
    ]
    return sounds, (time.perf_counter() - began) / sum(sound.seconds for _, sound in sounds)


async def heard(pair: Pair, listen: Listen, sounds: list[tuple[str, Sound]]) -> Pair:
    """Everything that one says, listened to by the other."""
    first = sounds[0][1]
    await listen(audio.wav_head(first.rate, len(first.data)) + first.data)  # the model is loaded
    for text, sound in sounds:
        wav = audio.wav_head(sound.rate, len(sound.data)) + sound.data
        began = time.perf_counter()
        answer = await listen(wav)
        pair.add(text, answer, work_s=time.perf_counter() - began, sound_s=sound.seconds)
    return pair


def show(pair: Pair) -> None:
    rate, gate = pair.wrong / pair.said, pair.gate_wrong / pair.gate_said
    print(f"  {pair.listener:36}{rate:>10.1%}{gate:>18.1%}{pair.work_s / pair.sound_s:>10.2f}", flush=True)


async def measure(folder: Path, repeats: int, whisper: list[Path], show_misheard: bool) -> None:
    settings = Settings(_env_file=None, data_dir=folder, log_level="error")
    db = Database(Stores.at("", folder))
    setup = Setup(settings, db)
    listening = listeners(setup, whisper)
    said_by = await speakers(setup)
    try:
        for name, engine, voice in said_by:
            sounds, factor = await spoken(engine, voice, repeats)
            length = sum(sound.seconds for _, sound in sounds)
            print(f"\n{name}: {len(sounds)} sentences, {length:.0f} s, spoken at {factor:.3f}")
            print(f"  {'heard by':36}{'words wrong':>10}{GATE:>17}{'factor':>10}")
            for listener, (listen, _) in listening.items():
                pair = await heard(Pair(name, listener), listen, sounds)
                show(pair)
                for text, answer in pair.misheard if show_misheard else ():
                    print(f"      {text} | {answer}")
    finally:
        for closed in {id(one): one for _, one, _ in said_by}.values():
            await closed.close()
        for _, heard_by in listening.values():
            if heard_by is not None:
                await heard_by.close()
        await db.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--whisper", type=Path, nargs="*", default=[])
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}; the sentences:")
    for text in SENTENCES:
        print(f"  {text}")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.repeats, given.whisper, given.show))
    return 0


if __name__ == "__main__":
    sys.exit(main())
