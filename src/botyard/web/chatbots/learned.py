"""Where the learning of a chatbot stands: its dataset, its last training, and what that changed."""

from dataclasses import dataclass, field
from typing import Any

from botyard.features.chatbots import training
from botyard.features.chatbots.errors import ReportMissing
from botyard.features.chatbots.intent_changes import IntentChange, taught
from botyard.features.chatbots.models import Dataset
from botyard.features.chatbots.service import ChatbotInfo
from botyard.features.chatbots.training import TrainingInfo
from botyard.kit.db import Session
from botyard.web.scene import Scene

_LOOKED_AT = 20  # trainings, to find the last two that ended well


@dataclass(frozen=True, slots=True)
class Learning:
    """The dataset and the trainings. `changed`: the examples are not those that were learned last."""

    examples: int = 0
    latest: TrainingInfo | None = None
    trained: TrainingInfo | None = None
    former: TrainingInfo | None = None
    changed: bool = False

    @property
    def running(self) -> bool:
        """Whether a training is under way."""
        return self.latest is not None and self.latest.state in ("queued", "running")

    @property
    def failed(self) -> str:
        """What ended the last training, where it brought nothing."""
        return self.latest.error if self.latest is not None and self.latest.state == "failed" else ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the last training changed; the figures are None where there was none before."""

    intents: list[IntentChange] = field(default_factory=list)
    macro_f1: float | None = None
    macro_f1_before: float | None = None


async def read(session: Session, chatbot: ChatbotInfo) -> Learning:
    """How far it is."""
    dataset = await session.get(Dataset, chatbot.dataset_id) if chatbot.dataset_id else None
    found, _ = await training.list_page(
        session, owner_id=chatbot.owner_id, limit=_LOOKED_AT, chatbot_id=chatbot.id
    )
    good = [one for one in found if one.state == "completed" and one.model_id]
    trained = next(iter(good), None)
    changed = dataset is not None and bool(dataset.example_count)
    if dataset is not None and trained is not None and trained.dataset_id == dataset.id:
        changed = dataset.updated_at > trained.created_at
    return Learning(
        examples=dataset.example_count if dataset is not None else 0,
        latest=next(iter(found), None),
        trained=trained,
        former=next(iter(good[1:]), None),
        changed=changed,
    )


async def progress(scene: Scene, learning: Learning) -> Progress | None:
    """What the last training changed; None without one."""
    if learning.trained is None:
        return None
    after = await _report(scene, learning.trained)
    before = await _report(scene, learning.former) if learning.former else None
    if after is None:
        return None
    return Progress(
        taught(before, after) if before else [],
        after.get("macro_f1"),
        before.get("macro_f1") if before else None,
    )


async def _report(scene: Scene, info: TrainingInfo) -> dict[str, Any] | None:
    try:
        return await training.report(scene.db, info.id, owner_id=scene.caller.user_id)
    except ReportMissing:
        return None
