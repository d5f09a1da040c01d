"""Document section "Voice" (C-15): JSON with base64, or the sound itself for those who ask for it."""

import asyncio
import base64
import binascii
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Paged, Pages
from botyard.contracts.chatbots.schemas import Text
from botyard.edge import body as bodies
from botyard.edge.parts import part
from botyard.features.chatbots.voice import service as voice
from botyard.features.chatbots.voice.port import Transcript, Voice
from botyard.features.chatbots.voice.registry import Speech
from botyard.kit.errors import Malformed, Unavailable

router = section("Voice", "/voice")

Engines = Annotated[Speech, Depends(part(Speech))]
T = TypeVar("T")


class NewSpeech(Received):
    """What is to be said, and how."""

    text: Text = Field(description="Plain text, at most 5,000 characters.")
    voice: str = Field("", description="Id of a voice, its own name or a language; empty: the usual one.")
    format: str = Field("wav", description="`wav`, or `pcm` for raw samples of 16 bits.")
    speed: float = Field(1.0, description="From 0.5 to 2; 1 is the usual one.")
    language: str = Field("", description="Language of the text, where no voice is named.")


class SpeechShown(Shown):
    """The sound of a text."""

    audio: str = Field(description="Base64.")
    content_type: str
    voice: str


_AUDIO: dict[str, Any] = {"audio/*": {"schema": {"type": "string", "format": "binary"}}}


@router.post("/tts", response_model=Success[SpeechShown], responses={200: {"content": _AUDIO}})
async def speak(body: NewSpeech, request: Request, speech: Engines) -> Any:
    """Convert text to speech; with `Accept: audio/*` the sound itself, which begins before all of it is made."""
    begun = voice.begin(
        speech,
        body.text,
        voice=body.voice,
        audio_format=body.format,
        speed=body.speed,
        language=body.language,
    )
    speaking = await _while_connected(request, begun)
    if "audio/" in request.headers.get("accept", ""):
        return StreamingResponse(speaking.stream(), media_type=speaking.content_type)
    sound = await _while_connected(request, speaking.whole())
    made = SpeechShown(
        audio=base64.b64encode(sound).decode(), content_type=speaking.content_type, voice=speaking.voice.id
    )
    return ok(made)


class Recording(Received):
    """A recording as JSON."""

    audio: Text = Field(description="Base64.")
    content_type: str = Field("", description="Only needed for raw samples: `audio/pcm;rate=16000`.")
    language: str = Field("", description="Language of the recording; empty: the engine finds out.")


class WordShown(Shown):
    """A word and when it was said, in seconds."""

    text: str
    start: float
    end: float
    confidence: float | None


class TranscriptShown(Shown):
    """What was heard."""

    text: str = Field(description="Empty where nobody spoke.")
    language: str
    confidence: float | None
    words: list[WordShown]
    engine: str

    @classmethod
    def of(cls, heard: Transcript) -> "TranscriptShown":
        """The transcript in the document's words."""
        return cls.model_validate(heard)


_recording = TypeAdapter(Recording)
_BODY = {
    "requestBody": {
        "required": True,
        "description": "WAV is always accepted, other kinds where an engine reads them. The limit of a body holds for "
        "it as it is sent: base64 adds a third.",
        "content": {
            "application/json": {"schema": Recording.model_json_schema(by_alias=True)},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "language": {"type": "string"},
                    },
                }
            },
        },
    }
}


@router.post("/stt", openapi_extra=_BODY)
async def listen(request: Request, speech: Engines) -> Success[TranscriptShown]:
    """Convert speech to text: a recording as base64 in JSON, or as the file `file` of a form."""
    recording, kind, language = await _received(request)
    heard = voice.stt(speech, recording, language=language, media_type=kind)
    return ok(TranscriptShown.of(await _while_connected(request, heard)))


async def _received(request: Request) -> tuple[bytes, str, str]:
    """The recording, what it is said to be, and its language. Raises Malformed."""
    if bodies.content_type(request.scope) == "multipart/form-data":
        return await _from_form(request)
    try:
        found = _recording.validate_json(await request.body())
    except ValidationError as error:
        here = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(here) from None
    try:
        data = base64.b64decode(found.audio, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("audio: this is not base64.") from None
    return data, found.content_type, found.language


async def _from_form(request: Request) -> tuple[bytes, str, str]:
    async with request.form(max_files=1, max_fields=5) as form:
        file, language = form.get("file"), form.get("language", "")
        if not isinstance(file, UploadFile):
            raise Malformed("file: send the recording as a file with this name.")
        if not isinstance(language, str):
            raise Malformed("language: send a word such as en, not a file.")
        return await file.read(), file.content_type or "", language


class VoiceShown(Shown):
    """A voice."""

    id: str
    name: str
    language: str
    gender: str
    engine: str
    sample: str = Field(
        description="A short sentence to hear it with: in its language, or in English where none in that is known."
    )

    @classmethod
    def of(cls, one: Voice) -> "VoiceShown":
        """The voice in the document's words."""
        return cls(
            id=one.id,
            name=one.name,
            language=one.language,
            gender=one.gender,
            engine=one.engine,
            sample=voice.sample(one),
        )


@router.get("/voices")
async def list_voices(
    speech: Engines,
    paging: Pages,
    language: Annotated[
        str, Query(description="Only voices of this language, such as `en` or `en-US`.")
    ] = "",
) -> Success[Paged[VoiceShown]]:
    """List available voices, those of the preferred engine first."""
    found = await voice.voices(speech, language=language)
    here = found[paging.offset : paging.offset + paging.size]
    items = [VoiceShown.of(one) for one in here]
    return ok(Paged(items=items, pagination=paging.frame(len(found))))


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of `work`, which ends when the caller goes away: nobody is left to hear it."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Unavailable("The caller went away before this was done.")
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Return when the connection is closed."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
