"""What can be wrong with voice."""

from botyard.kit.errors import Invalid, Overloaded, Unavailable

INSTALL = "scripts/uv pip install --python .venv/bin/python"


class NoEngine(Unavailable):
    """No speech engine can do this on this server."""

    code = "no_speech_engine"


class EngineFailed(Unavailable):
    """The speech engine could not do this; try again, and look into the server's log if that happens often."""

    code = "speech_engine_failed"


class EngineBusy(Overloaded):
    """Too many wait for the speech engine already; try again in a moment."""

    code = "speech_engine_busy"


class TextRefused(Invalid):
    """This text cannot be spoken."""

    code = "text_refused"


class AudioRefused(Invalid):
    """This is no sound that can be listened to here."""

    code = "audio_refused"
