"""What can be wrong with jobs and their effects, and what stops a run."""

from botyard.kit.errors import BotyardError, Conflict, NotFound


class NoSuchJob(NotFound):
    """There is no such job."""

    code = "no_such_job"


class JobFinished(Conflict):
    """This job has ended already."""

    code = "job_finished"


class JobUnfinished(Conflict):
    """This job has not ended yet; cancel it first."""

    code = "job_unfinished"


class NoSuchEffect(NotFound):
    """There is no effect with that key."""

    code = "no_such_effect"


class Unrecoverable(BotyardError):
    """Trying again would end the same way; the job fails at once."""

    code = "unrecoverable"


class Refused(Unrecoverable):
    """The other side refused the effect, so it did not happen."""

    code = "effect_refused"


class NotSent(BotyardError):
    """The other side could not be reached, so the effect did not happen; it is tried again."""

    code = "effect_not_sent"


class Unsettled(Unrecoverable):
    """This may have happened or not. Look on the other side, then mark it as done or try it again."""

    code = "effect_unsettled"


class EffectBusy(BotyardError):
    """Another job is doing this at the moment; this one looks again later."""

    code = "effect_busy"


class EffectChanged(Unrecoverable):
    """The same effect was begun before with other content; give the new content a key of its own."""

    code = "effect_changed"


class WorkerForgotten(Exception):
    """Others declared this worker dead: it must not begin anything under that identity."""


class Stopped(BaseException):
    """This run of a job must not go on. No Exception, so that job code does not swallow it."""


class RunEnded(Stopped):
    """The job was cancelled, removed or started anew by a person."""


class RunLost(Stopped):
    """Another worker carries the run on."""
