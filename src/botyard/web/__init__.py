"""The dashboard: pages written on the server, live over one stream each. Mounted at /."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from botyard.edge import guard
from botyard.edge.document import Served
from botyard.kit.db import Database
from botyard.settings import Settings
from botyard.web import (
    about,
    account,
    audit,
    bot,
    bot_actions,
    chatbots,
    connect,
    errors,
    first_run,
    fleet,
    health,
    jobs,
    live,
    logs,
    overview,
    service_logs,
    sign_in,
    users,
    vault,
    voices,
    webhook_actions,
    webhooks,
    x_bot,
    x_bot_actions,
    x_bots,
)
from botyard.web import (
    settings as settings_page,
)
from botyard.web.assets import STATIC, Files
from botyard.web.policy import POLICY
from botyard.web.widget import PATH as WIDGET
from botyard.web.widget import widget

__all__ = ["WIDGET", "create", "static_files", "widget"]

_PAGES = (
    sign_in,
    first_run,
    overview,
    fleet,
    bot,
    bot_actions,
    x_bots,
    x_bot,
    x_bot_actions,
    *chatbots.PAGES,
    webhooks,
    webhook_actions,
    voices,
    vault,
    jobs,
    logs,
    service_logs,
    audit,
    users,
    settings_page,
    health,
    connect,
    account,
    about,
    live,
)


def static_files() -> Mount:
    """Styles, scripts, pictures; also for a server that shows no dashboard but documents' pages."""
    return Mount("/static", app=Files(directory=STATIC), name="static")


def create(db: Database, settings: Settings) -> Served:
    """The dashboard as an app of its own; its static files are under /static."""
    app = FastAPI(title="Botyard", docs_url=None, redoc_url=None, openapi_url=None)
    for module in _PAGES:
        app.router.routes.extend(module.router.routes)
    app.state.db = db
    app.state.max_body = settings.max_body_mb * 1024 * 1024
    app.state.trusted_proxies = settings.trusted_proxies
    app.state.allowed_origins = frozenset(settings.allowed_origins)
    errors.install(app)
    guard.enforce(app, POLICY)
    app.router.routes.append(static_files())
    app.add_middleware(GZipMiddleware, minimum_size=800)
    return Served(app)
