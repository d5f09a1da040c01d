"""What can go wrong with chatbots."""

from collections.abc import Sequence

from botyard.kit.errors import Conflict, Invalid, NotFound


class NoSuchChatbot(NotFound):
    """There is no such chatbot."""

    code = "chatbot_not_found"


class NoSuchTraining(NotFound):
    """There is no such training job."""

    code = "training_not_found"


class NoSuchVersion(NotFound):
    """This chatbot has no such version."""

    code = "version_not_found"


class NoSuchModel(NotFound):
    """This chatbot has no such model."""

    code = "model_not_found"


class ModelNeeded(Conflict):
    """A version needs this model, and versions keep their models; delete a model that is in no version."""

    code = "model_needed"


class EditedMeanwhile(Conflict):
    """Somebody else saved this chatbot since you opened it; load it again and repeat your change."""

    code = "edited_meanwhile"


class NothingToTrain(Invalid):
    """The dataset has no examples: add some, then train again."""

    code = "nothing_to_train"


class NothingToDeploy(Invalid):
    """This chatbot cannot answer anything yet: train it, or give it rules or flows, then deploy it."""

    code = "nothing_to_deploy"


class NotDeployedThere(Invalid):
    """Nothing is deployed in this environment; name one where something is, or deploy there first."""

    code = "not_deployed_there"

    @classmethod
    def of(cls, environment: str, others: Sequence[str]) -> "NotDeployedThere":
        """The error that names where something is deployed."""
        return cls(
            f"Nothing is deployed in the environment `{environment}` of this chatbot, but in "
            f"{', '.join(f'`{other}`' for other in others)}; name one of them, or deploy there first."
        )


class NoPlaceToDeploy(Invalid):
    """The environment `draft` is for trying out, where the draft always answers; deploy to another one."""

    code = "no_place_to_deploy"


class NoEarlierDeployment(Conflict):
    """Nothing was deployed before this, so there is nothing to go back to."""

    code = "no_earlier_deployment"


class ReportMissing(NotFound):
    """This training has no report: it has not ended yet, or it failed."""

    code = "report_missing"
