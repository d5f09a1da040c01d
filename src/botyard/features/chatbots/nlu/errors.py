"""What can go wrong when a chatbot learns or is asked."""

import signal

from botyard.kit.errors import Conflict, Invalid, Unavailable

_MOST_SAID = 300  # characters of a last line


class NotTrainable(Invalid):
    """Nothing can be learned of these examples: add some with text, each with an intent, then train again."""

    code = "not_trainable"


class TrainingCancelled(Invalid):
    """The training was cancelled; nothing was changed."""

    code = "training_cancelled"


class TrainingDied(Unavailable):
    """The training ended without a result: train again, or with fewer examples."""

    code = "training_died"

    @classmethod
    def of(cls, status: int | None, printed: str = "") -> "TrainingDied":
        """Why a process ended, by its status (negative: a signal) and what it printed last."""
        said = (printed.strip().splitlines() or [""])[-1].strip()[:_MOST_SAID]
        if status == -signal.SIGXCPU:
            return cls("The training took more processor time than one may: train with fewer examples.")
        if (status or 0) < 0 or said.startswith("MemoryError"):
            return cls(
                "The training ended without a result, most likely for want of memory: train again, or with fewer "
                "examples."
            )
        return cls(f"The training ended without a result. The last that it said: {said}" if said else None)


class LearningMissing(Unavailable):
    """What trains chatbots is not installed: run `pip install 'botyard[nlu]'`, then restart the server."""

    code = "learning_missing"


class ModelUnreadable(Invalid):
    """This is no trained model, or it is damaged: train again."""

    code = "model_unreadable"


class EncoderDiffers(Conflict):
    """The model was trained with an encoder that is not here any more: train again, which takes seconds."""

    code = "encoder_differs"


class EncoderDamaged(Unavailable):
    """The files of the encoder are not those that were checked: install its package again."""

    code = "encoder_damaged"
