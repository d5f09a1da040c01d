"""What needs the extra `nlu` is passed over where that is not installed."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pycrfsuite")

from botyard.features.chatbots.nlu.train import Trained, train
from botyard.features.chatbots.nlu.types import Options
from tests.features.chatbots.nlu.sayings import cities, sayings


@pytest.fixture
def now() -> datetime:
    """A Wednesday."""
    return datetime(2026, 3, 4, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def plain() -> Trained:
    """Trained on words alone."""
    return train(sayings(), Options())


@pytest.fixture(scope="session")
def tagged() -> Trained:
    """Trained with marked cities."""
    return train(cities(), Options())
