"""PocketSphinx: hears English without any download; good for clear speech of few words, not for dictation.

Source of the calls: the documentation of pocketsphinx 5.1.1, read 2026-11-28.
"""

import importlib
import math
from typing import Any

from botyard.features.chatbots.voice.port import Stopped, Transcript, Word

NAME = "pocketsphinx"
_FRAMES_A_SECOND = 100
_MARGIN_S = 0.3  # of quiet before and behind: what begins at once is not understood
_PEAK = 0.7  # how loud the loudest sample is made
# What a quiet room sounds like, 57 dB below the peak. The model was learned from microphones: the perfect silence of
# synthetic voices lies so far below all that it knows that it shifts the average of the whole recording.
_ROOM = 0.001
_LANGUAGE_WEIGHT = 5.0  # against 6.5 of the package: trust the ear more, and what is usually said less
_STEP = 3200  # bytes at once: a tenth of a second, so that it soon notices when nobody waits any more


class Sphinx:
    """The decoder with its bundled American English model, inside the worker process."""

    def __init__(self, options: dict[str, Any]) -> None:
        library = importlib.import_module("pocketsphinx")
        self._decoder = library.Decoder(samprate=16000, loglevel="FATAL", lw=_LANGUAGE_WEIGHT)
        # It looks for two words that nobody cares about, which costs a tenth of listening: its averages are wanted.
        self._meter = library.Decoder(
            samprate=16000, loglevel="FATAL", cmn="batch", lm=None, keyphrase="hello world"
        )

    def hear(self, audio: bytes, kind: str, language: str, stopped: Stopped) -> Transcript:
        """The words of a WAV."""
        from botyard.features.chatbots.voice import samples

        sound = samples.mono(audio)
        if samples.silent(sound):
            return Transcript(text="", language="en", engine=NAME)
        pcm = samples.to_pcm(samples.as_in_a_room(sound, peak=_PEAK, noise=_ROOM, margin_s=_MARGIN_S))
        decoder = self._decoder
        decoder.reinit_feat()  # else a little of whoever spoke before is left, and the same is heard in two ways
        decoder.set_cmn(self._average(pcm))
        decoder.start_utt()
        for start in range(0, len(pcm), _STEP):
            if stopped():
                break
            decoder.process_raw(pcm[start : start + _STEP], False, False)
        decoder.end_utt()
        return self._transcript()

    def _average(self, pcm: bytes) -> str:
        """The average spectrum of the whole recording, against which it is heard. The decoder would begin with that of its
        model or of whoever spoke before, and be used to the new voice only after seconds."""
        self._meter.reinit_feat()
        self._meter.start_utt()
        self._meter.process_raw(pcm, False, True)
        self._meter.end_utt()
        return str(self._meter.get_cmn(False))

    def _transcript(self) -> Transcript:
        if self._decoder.hyp() is None:
            return Transcript(text="", language="en", engine=NAME)
        words = [
            Word(
                text=_plain(segment.word),
                start=_second(segment.start_frame),
                end=_second(segment.end_frame + 1),
                confidence=round(min(1.0, segment.prob), 4),
            )
            for segment in self._decoder.seg()
            if segment.word[0] not in "<["
        ]
        return Transcript(
            text=" ".join(word.text for word in words),
            language="en",
            confidence=_together([word.confidence or 0.0 for word in words]),
            words=words,
            engine=NAME,
        )


def _second(frame: int) -> float:
    return round(max(0.0, frame / _FRAMES_A_SECOND - _MARGIN_S), 2)


def _plain(word: str) -> str:
    """The word without the number of its pronunciation: `read(2)`."""
    return word.partition("(")[0]


def _together(shares: list[float]) -> float | None:
    """The geometric mean, since the words are heard together."""
    if not shares:
        return None
    return round(math.exp(sum(math.log(max(share, 1e-6)) for share in shares) / len(shares)), 4)
