"""What was spoken before stays within so many bytes."""

from botyard.features.chatbots.voice.cache import Key, SoundCache
from botyard.features.chatbots.voice.port import Sound


def key(text: str, *, version: str = "1", speed: float = 1.0) -> Key:
    return Key("espeak", version, "espeak:en", speed, text)


def test_least_recently_asked_leaves_when_the_bytes_are_used_up() -> None:
    cache = SoundCache(10_000)
    for text in ("a", "b", "c", "d"):
        cache.put(key(text), Sound(16_000, bytes(2000)))
    assert cache.get(key("a")) is not None
    cache.put(key("e"), Sound(16_000, bytes(2000)))
    assert [text for text in "abcde" if cache.get(key(text)) is None] == ["b"]
    assert cache.size <= 10_000


def test_what_would_push_out_everything_else_is_not_kept() -> None:
    cache = SoundCache(10_000)
    cache.put(key("a"), Sound(16_000, bytes(3000)))
    assert (len(cache), cache.size) == (0, 0)


def test_another_speed_or_version_is_another_sound() -> None:
    cache = SoundCache(10_000)
    cache.put(key("a"), Sound(16_000, b"12"))
    assert cache.get(key("a", speed=1.5)) is None
    assert cache.get(key("a", version="2")) is None
