"""Voices: to hear each, to have a text spoken, and to see what is understood of one's own voice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.features.chatbots.voice import languages
from botyard.features.chatbots.voice import service as voice
from botyard.features.chatbots.voice.errors import INSTALL, EngineBusy, EngineFailed, NoEngine
from botyard.features.chatbots.voice.port import Cap, Voice
from botyard.features.chatbots.voice.registry import EngineState, Speech
from botyard.kit.errors import Invalid
from botyard.web.forms import Form
from botyard.web.lists import PageNumber, slice_of
from botyard.web.shell import PageFor, part

router = APIRouter(prefix="/voices", route_class=GuardedRoute)
Engines = Annotated[Speech, Depends(running(Speech))]
MAX_TEXT = 500  # characters; it is part of the address of its sound
MAX_RECORDING_S = 30  # with the microphone: enough to see what is understood
SPEEDS = (("0.75", "slowly"), ("1", "as usual"), ("1.25", "faster"), ("1.5", "fast"))
_CAPS = {Cap.speak: "speaks", Cap.hear: "hears"}
_KEPT_S = 86_400  # by the browser
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")
# This page alone may ask for the microphone; the browser still asks the person.
_MAY_RECORD = "camera=(), microphone=(self), geolocation=()"


@dataclass(frozen=True, slots=True)
class EngineRow:
    """An engine with what it can do; where it cannot work, why, and the line that changes that."""

    label: str
    can: str
    version: str
    ready: bool
    why: str
    install: str

    @classmethod
    def of(cls, state: EngineState) -> "EngineRow":
        """In words; the line to type stands at the end of the engine's own sentence."""
        why, install, packages = state.refusal.partition(INSTALL)
        return cls(
            label=state.label,
            can=" and ".join(word for cap, word in _CAPS.items() if cap in state.caps),
            version=state.version,
            ready=not state.refusal,
            why=why,
            install=f"{install}{packages}",
        )


@router.get("")
async def page(
    page: PageFor,
    speech: Engines,
    language: Annotated[str, Query(max_length=35)] = "",
    number: PageNumber = 0,
) -> Response:
    """Every voice, and what can be tried with them."""
    voices, silent = await _voices(speech)
    wanted = languages.primary(language)
    fitting = [one for one in voices if not wanted or languages.primary(one.language) == wanted]
    rows, pager = slice_of(fitting, path="/voices", params={"language": language}, page=number, what="voices")
    engines = [EngineRow.of(state) for state in speech.states()]
    response = page.show(
        "voices.html",
        voices=voices,
        rows=rows,
        pager=pager,
        silent=silent,
        usual=await _usual(speech, voices),
        language=wanted,
        languages=sorted({languages.primary(one.language) for one in voices}),
        engines=engines,
        labels={state.name: state.label for state in speech.states()},
        sample=sample_address,
        primary=languages.primary,
        max_text=MAX_TEXT,
        speeds=SPEEDS,
        max_recording_s=min(MAX_RECORDING_S, int(speech.max_audio_s)),
        **_hearing(speech, voices),
    )
    response.headers["Permissions-Policy"] = _MAY_RECORD
    return response


async def _voices(speech: Speech) -> tuple[list[Voice], str]:
    """All voices; where there are none, why."""
    try:
        return await voice.voices(speech), ""
    except (NoEngine, EngineFailed, EngineBusy) as error:
        return [], str(error)


async def _usual(speech: Speech, voices: Sequence[Voice]) -> str:
    return (await speech.speaker("", ""))[1].id if voices else ""


def _hearing(speech: Speech, voices: Sequence[Voice]) -> dict[str, Any]:
    """Which languages are heard; where none is, why."""
    try:
        engines = speech.able(Cap.hear)
    except NoEngine as error:
        return {"deaf": str(error), "heard": [], "formats": []}
    heard = {language for engine in engines for language in engine.languages}
    if any(not engine.languages for engine in engines):  # that one hears whatever there is
        heard |= {languages.primary(one.language) for one in voices} - {"mul"}
    return {"deaf": "", "heard": sorted(heard), "formats": sorted(speech.formats())}


def sample_address(one: Voice) -> str:
    """Where a voice says its sentence."""
    return f"/voices/sample?{urlencode({'voice': one.id})}"


# --- sounds -------------------------------------------------------------------------------------------


@router.get("/sample")
async def sample(request: Request, speech: Engines, name: Annotated[str, Query(alias="voice")]) -> Response:
    """A short sentence in the language of a voice."""
    _, chosen = await speech.speaker(name, "")
    return await _said(request, speech, voice.sample(chosen), name, 1.0)


@router.get("/speech")
async def sound(
    request: Request,
    speech: Engines,
    text: Annotated[str, Query(max_length=MAX_TEXT)],
    name: Annotated[str, Query(alias="voice")] = "",
    speed: Annotated[float, Query(ge=voice.MIN_SPEED, le=voice.MAX_SPEED)] = 1.0,
) -> Response:
    """A text as it sounds."""
    return await _said(request, speech, text, name, speed)


async def _said(request: Request, speech: Speech, text: str, name: str, speed: float) -> Response:
    """A WAV, in part where a part is asked for, as some players do; the browser keeps it."""
    data = await (await voice.begin(speech, text, voice=name, speed=speed)).whole()
    tag = f'"{sha256(data).hexdigest()[:32]}"'
    headers = {"Cache-Control": f"private, max-age={_KEPT_S}", "ETag": tag, "Accept-Ranges": "bytes"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None:
        return Response(data, media_type="audio/wav", headers=headers)
    first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
    if first > last:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, media_type="audio/wav", headers=headers)


@router.post("/speech")
async def speak(form: Form, speech: Engines) -> Response:
    """Make the sound of a text and show a player for it; what is wrong with the text is told in the form."""
    text = form.needed("text", "The text")
    if len(text) > MAX_TEXT:
        raise Invalid(f"Here a text has at most {MAX_TEXT} characters.", details={"field": "text"})
    speed = form.number("speed", "The speed", low=voice.MIN_SPEED, high=voice.MAX_SPEED) or 1.0
    speaking = await voice.begin(speech, text, voice=form["voice"], speed=speed)
    await speaking.whole()  # the player finds it made
    query = urlencode({"text": text, "voice": speaking.voice.id, "speed": f"{speed:g}"})
    return part("_voice_spoken.html", "#spoken", address=f"/voices/speech?{query}", voice=speaking.voice)


# --- listening ----------------------------------------------------------------------------------------


@router.post("/heard")
async def hear(request: Request, speech: Engines) -> Response:
    """What is understood in a recording, which is not kept."""
    async with request.form(max_files=1, max_fields=5) as form:
        file, language = form.get("recording"), form.get("language", "")
        recording = await file.read() if isinstance(file, UploadFile) else b""
    if not recording:
        raise Invalid("Record something, or choose a recording.", details={"field": "recording"})
    heard = await voice.stt(speech, recording, language=language if isinstance(language, str) else "")
    labels = {state.name: state.label for state in speech.states()}
    return part("_voice_heard.html", "#heard", heard=heard, engine=labels.get(heard.engine, heard.engine))
