"""What can go wrong with language models."""

from botyard.kit.errors import BotyardError, Invalid


class ModelFailed(BotyardError):
    """The language model gave no answer; check that it runs, its address and its key."""

    code, status = "model_failed", 502


class ModelMisconfigured(ModelFailed):
    """The language model refused the request; check its name and its key."""

    code = "model_misconfigured"


class ModelBusy(ModelFailed):
    """The language model takes no more requests for now; try again later."""

    code, status = "model_busy", 503


class ModelTooSlow(ModelFailed):
    """The language model took too long; give it more time, or take a smaller one."""

    code, status = "model_too_slow", 504


class ModelResting(ModelFailed):
    """The language model failed several times in a row and is left alone for a while."""

    code, status = "model_resting", 503


class ReplyUnusable(ModelFailed):
    """The language model answered in another form than it was asked for; take one that can write JSON."""

    code = "model_reply_unusable"


class KeyUnfit(Invalid):
    """A key of a language model is one line of at most 4096 visible ASCII characters."""

    code = "model_key_unfit"
