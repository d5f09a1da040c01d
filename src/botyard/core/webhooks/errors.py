"""What can be wrong with webhooks; each docstring is the default message."""

from botyard.kit.errors import Conflict, Invalid, NotFound


class NoSuchEndpoint(NotFound):
    """There is no such webhook."""

    code = "no_such_webhook"


class NoSuchDelivery(NotFound):
    """There is no such delivery; they are kept for 30 days."""

    code = "no_such_delivery"


class EventsUnknown(Invalid):
    """A webhook listens to at least one event, each of them a known one."""

    code = "webhook_events_unknown"


class SecretUnfit(Invalid):
    """The secret of a webhook has 16 to 200 characters; leave it out to have a good one made."""

    code = "webhook_secret_unfit"


class WebhookLimit(Invalid):
    """This account has as many webhooks as it may have; delete one first."""

    code = "webhook_limit"


class WebhookDisabled(Conflict):
    """This webhook is disabled, so nothing is sent to it; enable it first."""

    code = "webhook_disabled"
