"""X against what every connector must do, on a server made from X's description."""

from collections.abc import AsyncIterator

import pytest

from botyard.features.studio.platforms.x import X
from botyard.kit.http import guarded_client
from tests.features.studio.conformance import Conformance, Subject
from tests.features.studio.fake_x import FakeX
from tests.features.studio.fake_x_auth import OAUTH1

CLOSED = "http://127.0.0.1:1"


class TestX(Conformance):
    """With OAuth 1.0a, which signs every call."""

    @pytest.fixture
    async def subject(self, x: X, fake_x: FakeX) -> AsyncIterator[Subject]:
        """X on its fake."""
        unreachable = X(guarded_client(allow_private=True), api=CLOSED)
        yield Subject(
            platform=x,
            unreachable=unreachable,
            good={"oauth1": OAUTH1},
            wrong={"oauth1": {**OAUTH1, "access_token_secret": "wrong-secret-0123456789"}},
            secrets=[OAUTH1["consumer_secret"], OAUTH1["access_token_secret"], "wrong-secret-0123456789"],
            fail=fake_x.fail,
            posts=fake_x.made,
            calls=lambda: fake_x.calls,
        )
        await unreachable.close()
