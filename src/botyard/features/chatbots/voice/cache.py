"""What was spoken before: a chatbot says the same sentences again and again."""

from collections import OrderedDict
from typing import NamedTuple

from botyard.features.chatbots.voice.port import Sound

_OVERHEAD = 300  # bytes that an entry costs beside its sound and text


class Key(NamedTuple):
    """What makes a sentence sound as it does."""

    engine: str
    version: str
    voice: str
    speed: float
    text: str


class SoundCache:
    """Sounds by what made them, within so many bytes; the one not asked for longest leaves first."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._sounds: OrderedDict[Key, Sound] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._sounds)

    def get(self, key: Key) -> Sound | None:
        """The sound, if it is still here."""
        sound = self._sounds.get(key)
        if sound is not None:
            self._sounds.move_to_end(key)
        return sound

    def put(self, key: Key, sound: Sound) -> None:
        """Keep a sound; one that would take more than a quarter of the room is not worth it."""
        cost = _cost(key, sound)
        if cost * 4 > self._max or key in self._sounds:
            return
        self._sounds[key] = sound
        self.size += cost
        while self.size > self._max:
            gone, old = self._sounds.popitem(last=False)
            self.size -= _cost(gone, old)


def _cost(key: Key, sound: Sound) -> int:
    return len(sound.data) + 4 * len(key.text) + _OVERHEAD
