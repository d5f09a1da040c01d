"""Whatever is sent to the document, Schemathesis finds no crash, no undocumented status and no way around."""

from pathlib import Path

import pytest

from tests.contracts.chatbots.cast import PREFIX, Cast
from tests.contracts.generated import CHECKS, failures

pytestmark = pytest.mark.slow

# Its success would end the session that all other requests are made with.
ENDINGS = ("/api/v1/auth/logout",)


async def test_generated_requests_find_nothing(cast: Cast, tmp_path: Path) -> None:
    known = {
        "path.chatbot_id": cast.known["chatbot"],
        "path.conversation_id": cast.known["conversation"],
        "path.message_id": cast.known["message_id"],
        "path.dataset_id": cast.known["dataset"],
        "path.job_id": cast.known["training"],
        "path.template_id": cast.known["template"],
        "path.webhook_id": cast.known["webhook"],
        "path.delivery_id": cast.known["delivery"],
        "path.key_id": cast.known["api_key"],
    }

    # The other store serves the same routes: once through them is enough there.
    everything = cast.db.embedded

    found = await failures(
        cast.running.url + PREFIX,
        tmp_path,
        headers={"Authorization": cast.owner.http.headers["authorization"]},
        known=known,
        leave_out=ENDINGS,
        checks=CHECKS,
        everything=everything,
    )

    assert not found, found
