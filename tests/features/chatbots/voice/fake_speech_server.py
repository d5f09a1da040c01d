"""A server with OpenAI's two speech calls, as strict as the description of its API: what it does not know it refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from botyard import server as door
from botyard.features.chatbots.voice.audio import wav_head
from tests.contracts.running import Server

VOICES = {"alloy", "ash", "echo", "fable", "nova", "onyx", "shimmer"}
FORMATS = {"mp3", "opus", "aac", "flac", "wav", "pcm"}


class FakeSpeechServer:
    """Answers with sound as long as the text, or with `answer` where a test sets one."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.url = ""
        self.answer: Response | None = None
        self.speech: list[dict[str, object]] = []
        self.recordings: list[dict[str, object]] = []

    async def speak(self, request: Request) -> Response:
        if trouble := self.answer or self._stranger(request):
            return trouble
        body = await request.json()
        known = {"model", "input", "voice", "response_format", "speed", "instructions"}
        if set(body) - known or not {"model", "input", "voice"} <= set(body):
            return refuse(f"Unrecognized or missing arguments: {sorted(body)}")
        if body["voice"] not in VOICES or body.get("response_format", "mp3") not in FORMATS:
            return refuse(f"Invalid voice or format: {body['voice']}")
        if not 0.25 <= body.get("speed", 1.0) <= 4.0 or not 0 < len(body["input"]) <= 4096:
            return refuse("speed or input out of bounds")
        self.speech.append(body)
        return Response(wav_head(24_000, None) + b"ab" * len(body["input"]), media_type="audio/wav")

    async def transcribe(self, request: Request) -> Response:
        if trouble := self.answer or self._stranger(request):
            return trouble
        async with request.form() as form:
            fields = dict(form)
            file = fields.pop("file", None)
            known = {"model", "language", "prompt", "response_format", "temperature"}
            if not isinstance(file, UploadFile) or "model" not in fields or set(fields) - known:
                return refuse(f"Unrecognized or missing arguments: {sorted(form)}")
            if fields.get("response_format", "json") != "json":
                return refuse("this fake writes json only")
            content = await file.read()
            self.recordings.append({**fields, "name": file.filename, "size": len(content)})
        return JSONResponse({"text": " A table for two. "})

    def _stranger(self, request: Request) -> Response | None:
        given = request.headers.get("authorization")
        if given == (f"Bearer {self.key}" if self.key else None):
            return None
        return JSONResponse(
            {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 401
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeSpeechServer"]:
        """Answer on a free port until the block ends."""
        routes = [
            Route("/v1/audio/speech", self.speak, methods=["POST"]),
            Route("/v1/audio/transcriptions", self.transcribe, methods=["POST"]),
        ]
        listener = door.bind("127.0.0.1", 0)
        server = Server(
            uvicorn.Config(Starlette(routes=routes), log_config=None, timeout_graceful_shutdown=1)
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await server.up.wait()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        yield self
        server.should_exit = True
        await task


def refuse(message: str) -> Response:
    """The API's own shape of a refusal."""
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": None}}, 400)
