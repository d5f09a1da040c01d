"""The dashboard's pages of chatbots, below /chat. Each module has a `router`, and `LIVE` where it is live."""

from types import ModuleType

from botyard.web.chatbots import (
    channels,
    conversations,
    datasets,
    deploying,
    example_check,
    example_files,
    examples,
    flow_parts,
    flows,
    golden,
    inbox,
    knowledge,
    listing,
    overview,
    settings,
    training,
    try_out,
    versions,
)
from botyard.web.scene import View

PAGES: tuple[ModuleType, ...] = (
    listing,
    flows,
    flow_parts,
    knowledge,
    settings,
    channels,
    examples,
    datasets,
    example_files,
    example_check,
    training,
    versions,
    deploying,
    golden,
    conversations,
    inbox,
    overview,
    try_out,
)
VIEWS: dict[str, View] = {name: view for page in PAGES for name, view in getattr(page, "LIVE", {}).items()}
