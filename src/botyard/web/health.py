"""What the server was started with, and how it is doing; read only, for administrators."""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from fastapi import APIRouter, Depends
from pydantic import SecretStr
from starlette.responses import Response

from botyard import __version__
from botyard.core.config import owned, queries
from botyard.core.jobs import JobEngine
from botyard.core.realtime.hub import Hub
from botyard.edge.guard import GuardedRoute
from botyard.edge.parts import part as running
from botyard.edge.session import Reader, Stores
from botyard.features.chatbots.knowledge import pgvector
from botyard.settings import Settings
from botyard.web.rendering import size, span
from botyard.web.shell import PageFor, SceneFor

router = APIRouter(prefix="/settings", route_class=GuardedRoute)
Set = Annotated[Settings, Depends(running(Settings))]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting with its documentation; of secrets only whether they are set."""

    variable: str
    description: str
    value: str
    secret: bool
    source: str
    overruled: bool  # by a value that is stored


@router.get("/start")
async def start_page(page: PageFor, reader: Reader, settings: Set) -> Response:
    """What every setting was at the start, and where that came from."""
    stored = {entry.key for entry in await queries.list_entries(reader, owned.SERVICE) if entry.stored}
    found = at_start(settings, owned.start_values(reader), stored)
    changed = sum(item.source != "default" for item in found)
    return page.show("settings_start.html", settings=found, changed=changed)


def at_start(settings: Settings, start: Mapping[str, Any], stored: Collection[str] = ()) -> list[Setting]:
    """Settings in the order in which they are documented, as the process began."""
    began = settings.model_copy(update=dict(start))
    from_file = dotenv_values(".env") if Path(".env").is_file() else {}
    return [_setting(began, name, from_file, name in stored) for name in Settings.model_fields]


def sources(settings: Settings, start: Mapping[str, Any]) -> dict[str, str]:
    """Where the start value of each setting comes from, by its name."""
    found = at_start(settings, start)
    return dict(zip(Settings.model_fields, (item.source for item in found), strict=True))


def _setting(settings: Settings, name: str, from_file: Mapping[str, Any], overruled: bool) -> Setting:
    field = Settings.model_fields[name]
    variable = f"BOTYARD_{name.upper()}"
    value = getattr(settings, name)
    secret = isinstance(value, SecretStr) or (name.endswith("_url") and "@" in str(value))
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    source = "environment" if variable in os.environ else ".env file" if variable in from_file else "default"
    if source == "default" and value != field.get_default(call_default_factory=True):
        source = "start command"
    shown = ", ".join(text) if isinstance(text, list) else "" if text is None else str(text)
    if secret:
        shown = "set" if text else ""
    return Setting(variable, field.description or "", shown, secret, source, overruled)


@dataclass(frozen=True, slots=True)
class Group:
    """Facts that belong together, with a state where they have one."""

    title: str
    facts: list[tuple[str, str]]
    state: tuple[str, str] | None = None


@router.get("/health")
async def health(page: PageFor, scene: SceneFor, db: Stores, settings: Set) -> Response:
    """How each part of the server is doing."""
    groups = [
        _server(settings),
        await _stores(db, settings),
        _live(scene.hub),
        await _jobs(db.parts.get(JobEngine)),
    ]
    return page.show("health.html", groups=groups)


def _server(settings: Settings) -> Group:
    free = shutil.disk_usage(settings.data_dir).free if settings.data_dir.exists() else 0
    low = free < 1024**3
    return Group(
        "Server",
        [
            ("Version", __version__),
            ("Address", settings.base_url),
            ("Data folder", str(settings.data_dir.resolve())),
            ("Free disk", size(free)),
        ],
        ("warn", "Little disk left") if low else ("good", "Running"),
    )


async def _stores(db: Stores, settings: Settings) -> Group:
    if not db.embedded:
        async with db.reader() as session:
            vectors = await session.run_sync(lambda sync: pgvector.standing(sync.connection()))
        return Group(
            "Database",
            [
                ("Kind", "PostgreSQL"),
                ("Address", db.stores.main.render_as_string()),
                ("pgvector", "compares vectors of documents" if vectors.ready else "not in use"),
            ],
        )
    files = {
        name: Path(str(url.database))
        for name, url in (("Main", db.stores.main), ("Stream", db.stores.stream))
    }
    facts = [
        (f"{name} file", f"{path.name}, {size(path.stat().st_size)}")
        for name, path in files.items()
        if path.exists()
    ]
    return Group(
        "Database", [("Kind", "SQLite"), *facts, ("Logs are kept", f"{settings.log_retention_days} days")]
    )


def _live(hub: Hub) -> Group:
    state = ("warn", "The bus is away") if hub.degraded else ("good", "Connected")
    return Group("Live events", [("Open streams", str(hub.connected)), ("Position", hub.cursor())], state)


async def _jobs(engine: JobEngine) -> Group:
    workers = await engine.list_workers()
    facts = [(worker.host, f"process {worker.pid}, since {span(worker.started_at)}") for worker in workers]
    return Group(
        "Workers",
        facts or [("None", "Jobs wait until a worker runs.")],
        ("good", "Working") if workers else ("bad", "No worker"),
    )
