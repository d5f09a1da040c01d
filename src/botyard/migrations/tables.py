"""Imports every module with tables, so that both metadata are whole."""

from botyard.core.accounts import models as accounts
from botyard.core.audit import models as audit
from botyard.core.bots import models as bots
from botyard.core.config import models as config
from botyard.core.idempotency import models as idempotency
from botyard.core.ingest import models as ingest
from botyard.core.jobs import models as jobs
from botyard.core.logs import models as logs
from botyard.core.mail import models as mail
from botyard.core.realtime import models as realtime
from botyard.core.vault import models as vault
from botyard.core.webhooks import models as webhooks
from botyard.features.chatbots import models as chatbots
from botyard.features.fleet import models as fleet
from botyard.features.studio import models as studio

ALL = (
    accounts,
    audit,
    bots,
    chatbots,
    config,
    fleet,
    idempotency,
    ingest,
    jobs,
    logs,
    mail,
    realtime,
    studio,
    vault,
    webhooks,
)
