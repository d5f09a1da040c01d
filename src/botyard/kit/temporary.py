"""Whether files can be made that nobody keeps: trainings of chatbots need some."""

import tempfile

REMEDY = (
    "Let the server write to /tmp, or set TMPDIR to a folder that it may write to; in a systemd unit with "
    "ProtectSystem=strict, add PrivateTmp=true."
)


def writable() -> bool:
    """Whether a temporary file can be written; TMPDIR says where."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"botyard")
            file.flush()
    except OSError:  # none of the folders can be written, or the disk is full
        return False
    return True
