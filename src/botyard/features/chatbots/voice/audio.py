"""Recordings that strangers send, looked at by their content, and the WAV files that are sent out.

Only the head of a recording is read here, in the server: that takes microseconds whatever its size. The samples are
touched in the worker process.
"""

import struct
from dataclasses import dataclass

from botyard.features.chatbots.voice.errors import AudioRefused

MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_CHANNELS = 8
_MAX_CHUNKS = 64  # a recorder writes a handful; thousands are there to keep a reader busy
_OPEN_END = (0xFFFFFFFF, 0x7FFFFFFF)  # what is written as length while the end is not known yet
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8)}

WAV = "wav"
_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
    "m4a": "audio/mp4",
}


@dataclass(frozen=True, slots=True)
class Wav:
    """Where the samples of a WAV file are and how they are written; `width` in bytes."""

    rate: int
    channels: int
    width: int
    floating: bool
    start: int
    length: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.length / (self.rate * self.channels * self.width)


def kind_of(data: bytes) -> str:
    """What a recording is by its content: a key of `media_type`, empty for what is none that anybody here knows."""
    head = data[:12]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return WAV
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "mp3"
    starts = {b"fLaC": "flac", b"OggS": "ogg", b"\x1aE\xdf\xa3": "webm"}
    return starts.get(head[:4], "")


def media_type(kind: str) -> str:
    """The MIME type of a kind of recording."""
    return _TYPES[kind]


def read_wav(data: bytes) -> Wav:
    """Where the samples are. Raises AudioRefused for a head that lies, and for what nobody could listen to."""
    form: tuple[int, int, int, int] | None = None
    for name, start, length in _chunks(data):
        if name == b"fmt ":
            form = _form(data[start : start + min(length, 40)])
        elif name == b"data":
            if form is None:
                raise AudioRefused("This WAV does not say how its sound is written before the sound begins.")
            return _placed(data, form, start, length)
    raise AudioRefused("This WAV holds no sound.")


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Name, start and length of each part, as far as the first one that says it goes on beyond the end."""
    found: list[tuple[bytes, int, int]] = []
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        found.append((name, place + 8, length))
        if len(found) > _MAX_CHUNKS:
            raise AudioRefused(f"This WAV has more than {_MAX_CHUNKS} parts.")
        if name == b"data":
            break
        place += 8 + length + length % 2
    return found


def _form(head: bytes) -> tuple[int, int, int, int]:
    """Format, channels, rate and bytes per sample."""
    if len(head) < 16:
        raise AudioRefused("This WAV is cut off before it says how its sound is written.")
    form, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", head)
    if form == _EXTENSIBLE and len(head) >= 26:
        (form,) = struct.unpack_from("<H", head, 24)
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioRefused(f"The recording has {channels} channels; 1 to {MAX_CHANNELS} are listened to.")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioRefused(
            f"The recording has {rate} samples a second; from {MIN_RATE} to {MAX_RATE} are listened to."
        )
    width, rest = divmod(bits, 8)
    if rest or width not in _WIDTHS.get(form, ()):
        raise AudioRefused(
            f"The WAV holds samples of format {form} with {bits} bits; send PCM with 8, 16, 24 or 32 bits, or floats."
        )
    if block != channels * width:
        raise AudioRefused("The WAV contradicts itself: channels and bits do not fit its block size.")
    return form, channels, rate, width


def _placed(data: bytes, form: tuple[int, int, int, int], start: int, length: int) -> Wav:
    kind, channels, rate, width = form
    there = len(data) - start
    if length in _OPEN_END:
        length = there
    elif length > there:
        raise AudioRefused(
            f"The WAV says that it holds {length} bytes of sound, but {there} are there; it was cut off."
        )
    length -= length % (channels * width)
    if length == 0:
        raise AudioRefused("The recording is empty: it lasts no time at all.")
    return Wav(rate, channels, width, kind == _FLOAT, start, length)


def wav_head(rate: int, size: int | None) -> bytes:
    """The head of a mono WAV with 16 bits; without a size it is one whose end is not known yet."""
    length = _OPEN_END[0] if size is None else size
    whole = _OPEN_END[0] if size is None else size + 36
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        whole,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        rate * 2,
        2,
        16,
        b"data",
        length,
    )


def from_raw(data: bytes, media_type: str) -> bytes:
    """Raw mono samples of 16 bits, little endian, as a WAV where `media_type` says that they are such, for example
    `audio/pcm;rate=16000`; anything else as it is."""
    name, *parameters = (part.strip() for part in media_type.lower().split(";"))
    if name != "audio/pcm" or not data or kind_of(data):
        return data
    rate = dict(part.partition("=")[::2] for part in parameters).get("rate", "16000")
    if not rate.isascii() or not rate.isdigit() or len(rate) > 6:
        raise AudioRefused("The rate of raw samples is a whole number, as in audio/pcm;rate=16000.")
    return wav_head(int(rate), len(data)) + data


def check(data: bytes, *, accepted: frozenset[str], max_seconds: float) -> str:
    """The kind of a recording that may be listened to. Raises AudioRefused for anything else.

    How long a packed recording lasts shows only when it is unpacked, which the worker process bounds.
    """
    if not data:
        raise AudioRefused("The recording is empty.")
    kind = kind_of(data)
    can = ", ".join(sorted(one.upper() for one in accepted))
    if not kind:
        raise AudioRefused(f"This is no recording that is known here; send {can}.")
    if kind not in accepted:
        raise AudioRefused(f"This is {kind.upper()}, which no installed engine reads; send {can}.")
    if kind == WAV and (seconds := read_wav(data).seconds) > max_seconds:
        raise AudioRefused(
            f"The recording lasts {seconds:.0f} seconds; at most {max_seconds:g} are listened to. Send it in parts."
        )
    return kind
