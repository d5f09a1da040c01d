"""Voice over HTTP: sound as it is asked for, recordings as they are sent, and callers who leave."""

import io
import time
import wave
from base64 import b64decode, b64encode
from importlib.util import find_spec

import httpx
import pytest

from botyard.features.chatbots.voice.errors import INSTALL
from tests.contracts.chatbots.cast import Cast
from tests.features.chatbots.voice.recordings import wav

_MISSING = [
    package
    for module, package in (("espeakng_loader", "espeakng-loader"), ("pocketsphinx", "pocketsphinx"))
    if find_spec(module) is None
]
pytestmark = pytest.mark.skipif(
    bool(_MISSING), reason=f"speech engines are missing, install them with: {INSTALL} {' '.join(_MISSING)}"
)
SENTENCES = "Your order is on its way. It arrives on Monday."


def seconds(sound: bytes) -> float:
    with wave.open(io.BytesIO(sound)) as file:
        return len(file.readframes(10**9)) / 2 / file.getframerate()


async def test_same_sound_comes_as_json_or_as_itself(cast: Cast) -> None:
    body = {"text": SENTENCES, "voice": "espeak:en-gb"}
    shown = (await cast.owner.http.post("/api/voice/tts", json=body)).json()["data"]
    raw = await cast.owner.http.post("/api/voice/tts", json=body, headers={"accept": "audio/*"})
    assert (shown["contentType"], shown["voice"]) == ("audio/wav", "espeak:en-gb")
    assert (raw.status_code, raw.headers["content-type"]) == (200, "audio/wav")
    assert seconds(b64decode(shown["audio"])) == seconds(raw.content) > 2
    pcm = await cast.owner.http.post(
        "/api/voice/tts", json={**body, "format": "pcm"}, headers={"accept": "audio/pcm"}
    )
    assert pcm.headers["content-type"] == "audio/pcm;rate=22050;channels=1"
    assert pcm.content == raw.content[44:]


async def test_recording_is_taken_as_base64_or_as_a_file(cast: Cast) -> None:
    body = {"text": "one two three", "voice": "espeak:en-us+klatt"}
    sound = (await cast.owner.http.post("/api/voice/tts", json=body, headers={"accept": "audio/*"})).content
    encoded = {"audio": b64encode(sound).decode(), "language": "en"}
    as_json = await cast.owner.http.post("/api/voice/stt", json=encoded)
    as_file = await cast.owner.http.post(
        "/api/voice/stt", files={"file": ("r.wav", sound)}, data={"language": "en"}
    )
    raw = {"audio": b64encode(sound[44:]).decode(), "contentType": "audio/pcm;rate=22050"}
    as_samples = await cast.owner.http.post("/api/voice/stt", json=raw)
    assert as_json.json()["data"]["text"]
    assert as_json.json() == as_file.json() == as_samples.json()


async def test_file_that_is_none_and_kinds_of_bodies_that_are_none_are_refused(cast: Cast) -> None:
    path, http = "/api/voice/stt", cast.owner.http
    told = {
        "no file": (await http.post(path, files={"other": ("r.wav", wav(bytes(99)))}), 422),
        "text for a file": (await http.post(path, files={"file": (None, "hello")}), 422),
        "a form without parts": (await http.post(path, content=b"x", headers={"content-type": "multipart/form-data"}), 400),
        "bare bytes": (await http.post(path, content=wav(bytes(99)), headers={"content-type": "audio/wav"}), 422),
        "a picture": (await http.post(path, files={"file": ("r.wav", b"\x89PNG\r\n\x1a\n" + bytes(99))}), 400),
    }  # fmt: skip
    assert {name: reply.status_code for name, (reply, _) in told.items()} == {
        name: status for name, (_, status) in told.items()
    }
    assert {reply.json()["status"] for reply, _ in told.values()} == {"error"}


async def test_fifty_megabytes_are_refused_before_they_are_read(cast: Cast) -> None:
    began = time.process_time()
    reply = await cast.owner.http.post("/api/voice/stt", files={"file": ("r.wav", bytes(50 * 1024 * 1024))})
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, 413)
    assert "10485760 bytes" in reply.json()["error"]["message"]
    assert time.process_time() - began < 2


async def test_work_ends_with_the_connection_of_who_asked(cast: Cast) -> None:
    noise = wav(
        bytes(at * at * 7 % 251 for at in range(32_000)) * 80
    )  # takes far longer than anybody waits here
    silence = {"file": ("r.wav", wav(bytes(3200)))}
    await cast.owner.http.post("/api/voice/stt", files=silence)  # the engine is there
    began = time.perf_counter()
    await cast.owner.http.post("/api/voice/stt", files=silence)
    usual_s = time.perf_counter() - began  # more where the machine has much to do
    with pytest.raises(httpx.ReadTimeout):
        await cast.owner.http.post("/api/voice/stt", files={"file": ("r.wav", noise)}, timeout=0.3)
    began = time.perf_counter()
    assert (await cast.owner.http.post("/api/voice/stt", files=silence)).status_code == 200
    assert time.perf_counter() - began < max(5, 10 * usual_s)


async def test_voices_are_paged_and_found_by_their_language(cast: Cast) -> None:
    every = (await cast.owner.http.get("/api/voice/voices")).json()["data"]
    english = (await cast.owner.http.get("/api/v1/voice/voices?language=en&pageSize=100")).json()["data"]
    assert len(every["items"]) == 10 < every["pagination"]["total"]
    assert {voice["language"].partition("-")[0] for voice in english["items"]} == {"en"}
    assert {voice["sample"] for voice in english["items"]} == {"Hello, how can I help you today?"}
