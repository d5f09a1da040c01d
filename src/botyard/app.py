"""The only place where everything meets: the pieces of a running server, and the app that serves them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from botyard import migrations, web
from botyard.core.accounts import administration, deletion, registration, start_keys
from botyard.core.accounts import jobs as account_jobs
from botyard.core.accounts.authentication import Authenticator
from botyard.core.accounts.revocations import Revocations
from botyard.core.audit import chain, late
from botyard.core.audit import jobs as audit_jobs
from botyard.core.bots import service as bots
from botyard.core.bots.tokens import BotAuthenticator
from botyard.core.config import live
from botyard.core.config.live import Live
from botyard.core.config.owned import StartValues
from botyard.core.ingest import jobs as ingest_jobs
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.writer import Writer
from botyard.core.jobs import JobEngine
from botyard.core.logs import service as log_service
from botyard.core.logs.sources import EntrySource
from botyard.core.mail import mailer
from botyard.core.mail.mailer import Mailer
from botyard.core.realtime import jobs as realtime_jobs
from botyard.core.realtime.bus import Bus, MemoryBus
from botyard.core.realtime.hub import Hub
from botyard.core.vault import has_data
from botyard.core.vault import jobs as vault_jobs
from botyard.core.webhooks import jobs as webhook_jobs
from botyard.core.webhooks.bell import DueBell
from botyard.core.webhooks.dispatcher import Dispatcher
from botyard.core.webhooks.relay import Relay
from botyard.edge import events, health, otlp, published_keys, talk
from botyard.edge.document import Document, Running, Under
from botyard.edge.express import Express
from botyard.edge.middleware import Envelope
from botyard.edge.origins import Origins
from botyard.features.chatbots import (
    artifact_jobs,
    conversation_jobs,
    import_jobs,
    training_jobs,
    webhook_events,
)
from botyard.features.chatbots.channels.bell import ConversationBell
from botyard.features.chatbots.channels.telegram_desk import TelegramDesk
from botyard.features.chatbots.chat_runtime import ChatRuntime
from botyard.features.chatbots.knowledge import encoding, pgvector
from botyard.features.chatbots.knowledge import jobs as knowledge_jobs
from botyard.features.chatbots.knowledge.library import Library
from botyard.features.chatbots.llm.model import LanguageModels
from botyard.features.chatbots.nlu.process import Trainer
from botyard.features.chatbots.open_answers import OpenAnswers
from botyard.features.chatbots.serving import Serving
from botyard.features.chatbots.voice.registry import Speech
from botyard.features.fleet import jobs as fleet_jobs
from botyard.features.fleet.bell import CommandBell
from botyard.features.fleet.presence import Presence
from botyard.features.fleet.sources import LogSource, MessageSource
from botyard.features.studio import jobs as studio_jobs
from botyard.features.studio.registry import Platforms
from botyard.kit import logging, temporary
from botyard.kit.crypto import Digests
from botyard.kit.db import Database, Stores
from botyard.kit.errors import BotyardError, Invalid
from botyard.kit.limits import Limiter
from botyard.migrations import tables
from botyard.settings import Settings

log = structlog.get_logger(__name__)

REGISTERED = (
    tables.ALL,
    account_jobs,
    artifact_jobs,
    audit_jobs,
    conversation_jobs,
    fleet_jobs,
    import_jobs,
    ingest_jobs,
    knowledge_jobs,
    log_service,
    realtime_jobs,
    studio_jobs,
    training_jobs,
    vault_jobs,
    webhook_events,
    webhook_jobs,
)  # importing them registers tables, jobs and cleaners

# How long another process may still accept a bot token that was replaced here.
_BOT_TTL_S = 1.0
_BOT_TTL_ALONE_S = 60.0


class NoSuchDocument(BotyardError):
    """This server has no such document."""

    code = "no_such_document"


@dataclass
class Yard:
    """A running process of Botyard: what it is made of, started in order and stopped in reverse."""

    settings: Settings
    works: bool = True
    recurs: bool = True
    serves: bool = True
    first_password: str | None = None
    db: Database = field(init=False)
    extra: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = self.settings.model_copy()  # these follow the store; the caller's stay
        self.db = Database(self.settings.stores)
        parts = self.db.parts
        parts.add(self.settings)
        # Before anything below is made with a number that cannot change afterwards.
        parts.add(live.adopt(self.settings, self.db.stores), kind=StartValues)
        self.hub = Hub(
            self.db, sources=[LogSource(), MessageSource(), EntrySource()], bus=_bus(self.settings)
        )
        self.writer = Writer(
            self.db.stores, max_rows=self.settings.ingest_queue_rows, on_commit=self.hub.committed
        )
        self.reader = StreamReader(self.db.stores)
        self.presence = Presence(self.writer, self.reader, timeout_s=self.settings.presence_timeout_s)
        self.bell = CommandBell(self.hub)
        self.conversation_bell = ConversationBell(self.hub)
        self.live = self._live()
        self.engine = JobEngine(
            self.db, work=self.works, recurs=self.recurs, concurrency=self.settings.job_concurrency
        )
        self.limiter = _limiter(self.settings)
        parts.add(self.limiter, kind=Limiter)
        parts.add(Platforms())
        parts.add(Speech(self.db))
        parts.add(
            Trainer(ready=self.works and self.settings.training_ready, encoder=self.settings.training_encoder)
        )
        for part in (self.hub, self.live, self.writer, self.reader, self.presence, self.bell, self.engine):
            parts.add(part)
        parts.add(self.conversation_bell)
        parts.add(mailer.from_settings(self.settings), kind=Mailer)
        self.models = LanguageModels(self.db)
        library = Library(self.db, self.models)
        chat = ChatRuntime(self.db, self.writer, self.reader, Serving(self.db), library, self.models)
        parts.add(library)
        parts.add(chat)
        parts.add(encoding.installed(), kind=encoding.Encoders)
        self._started: list[Callable[[], Awaitable[None]]] = []

    def _live(self) -> Live:
        """What follows settings that change; pieces that took one when they were made are told of it."""
        follower = Live(self.db, self.hub)
        follower.on_change("presence_timeout_s", self.presence.wait)
        follower.on_change("log_level", logging.set_level)
        return follower

    async def start(self) -> None:
        """Migrate, open the keys, make the first administrator, start every piece.

        Raises a BotyardError that says what to do when a key or the database is not as it must be.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        parts = self.db.parts
        self.settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._warn()
        changed = await asyncio.to_thread(migrations.upgrade, self.db.stores)
        if changed:
            log.info("migrated", stores=changed)
        self._started += [self.db.close, self.limiter.close]
        await self._warn_of_files_left_behind()
        await pgvector.prepare(self.db)
        with late.noting_refusals(self.settings.data_dir):
            await self._open_keys()
            await chain.open_key(self.db)
        await late.enter_refusals(self.db, self.settings.data_dir)
        await self._make_first_admin()
        authenticator = Authenticator(self.db)
        ttl_s = _BOT_TTL_ALONE_S if self.db.embedded else _BOT_TTL_S
        bot_authenticator = BotAuthenticator(self.db, parts.get(Digests), ttl_s=ttl_s)
        bot_authenticator.on_call = self.presence.touch
        parts.add(authenticator)
        parts.add(bot_authenticator)
        self._started.append(authenticator.close)
        deletion.on_delete(bots.delete_all_of)
        deletion.on_delete(realtime_jobs.forget_all_of)
        administration.on_disable(bots.forget_all_of)
        connectors, speech = parts.get(Platforms), parts.get(Speech)
        pieces: list[Running] = [
            self.hub,
            self.live,
            self.writer,
            self.reader,
            connectors,
            speech,
            self.models,
            parts.get(Trainer),
            self.engine,
        ]
        if self.works:
            due = DueBell()
            parts.add(due)
            pieces += [
                Relay(self.db, self.hub, due),
                Dispatcher(self.db, due),
                TelegramDesk(self.db, self.hub),
                OpenAnswers(parts.get(ChatRuntime)),
            ]
        if self.serves:
            pieces += [
                Revocations(self.hub, authenticator),
                self.presence,
                self.bell,
                self.conversation_bell,
                *self.extra,
            ]
        for piece in pieces:
            await piece.start()
            self._started.append(piece.stop)

    def _warn(self) -> None:
        """Of what a start can do without, and its operator cannot."""
        folder = self.settings.data_dir
        if self.works and not temporary.writable():
            log.warning("no_temporary_folder", remedy=temporary.REMEDY)
        if os.name == "posix" and folder.stat().st_mode & 0o007:
            log.warning("data_folder_open_to_others", remedy=f"Run: chmod 700 {folder.resolve()}")

    async def _warn_of_files_left_behind(self) -> None:
        """An empty PostgreSQL beside databases in files is most likely an attempt to move."""
        files = Stores.at("", self.settings.data_dir)
        if self.db.embedded or not Path(str(files.main.database)).exists() or await has_data(self.db):
            return
        log.warning(
            "database_is_empty",
            left_behind=str(files.main.database),
            remedy="Nothing is taken over from that file. To go on with what is in it, leave BOTYARD_DATABASE_URL empty; "
            "to move it here, stop everything, make the PostgreSQL database anew, and run: botyard migrate "
            f"--from-sqlite {files.main.database}",
        )

    async def _make_first_admin(self) -> None:
        if not self.serves and not self.settings.admin_password.get_secret_value():
            return  # a server makes it and shows the password; here nobody would ever see it
        try:
            self.first_password = await registration.ensure_first_admin(self.db, self.settings)
        except Invalid as error:
            raise Invalid(
                f"{error} The first administrator is made from BOTYARD_ADMIN_USERNAME, BOTYARD_ADMIN_EMAIL and "
                "BOTYARD_ADMIN_PASSWORD."
            ) from error

    async def _open_keys(self) -> None:
        signing = await start_keys.open_keys(self.db, self.settings)
        self.db.parts.add(Digests(signing.derive("digests")))

    def release(self) -> None:
        """Let open long-polls and event streams end, so that a server that stops need not wait for them."""
        self.bell.close()
        self.conversation_bell.close()
        self.hub.close()

    async def stop(self) -> None:
        """Stop every piece that was started; the first error is raised after all had their turn."""
        errors: list[Exception] = []
        while self._started:
            try:
                await self._started.pop()()
            except Exception as error:
                log.exception("piece_did_not_stop")
                errors.append(error)
        if errors:
            raise errors[0]


def documents() -> list[Document]:
    """The published documents that are installed, by name."""
    found = [entry.load() for entry in entry_points(group="botyard.documents")]
    return sorted(found, key=lambda document: str(document.name))


def create_app(
    settings: Settings, *, at_root: str | None = None, works: bool = True, recurs: bool = True
) -> Starlette:
    """The server as an ASGI app whose lifespan is the yard's.

    `at_root` serves one document at `/` instead of all under their prefixes. Without `recurs` nothing that is
    due by the clock starts by itself. Raises NoSuchDocument for a document that is not installed.
    """
    yard = Yard(settings, works=works, recurs=recurs)
    settings = yard.settings  # with what is stored
    probes, dashboard = health.create(yard.db, settings), web.create(yard.db, settings)
    routes: list[BaseRoute] = [Route("/health/{probe}", probes), Route("/metrics", probes)]
    routes.append(Route(published_keys.PATH, published_keys.create(yard.db, settings)))
    receiver = otlp.create(yard.db, settings)
    routes.append(Route(otlp.BELOW, receiver.app))
    faces = events.create(yard.db, settings)
    # Mounts would take their prefix off the path, and Route knows no sockets.
    routes += [Route("/events", faces), WebSocketRoute("/events/socket", faces)]
    routes += [Route(web.WIDGET, web.widget), Under(talk.PREFIX, app=talk.create(yard.db, settings))]
    if at_root is None:
        served = {document.prefix: document.create(yard.db, settings) for document in documents()}
        served[""] = dashboard
    else:
        chosen = next((document for document in documents() if document.name == at_root), None)
        if chosen is None:
            known = ", ".join(document.name for document in documents())
            raise NoSuchDocument(f"There is no document {at_root!r}; this server knows {known}.")
        routes.append(web.static_files())
        served = {"": chosen.create(yard.db, settings)}
    for prefix, one in served.items():
        yard.extra += one.running
        routes.append(Under(prefix, app=one.app))
    lines = [line for prefix, one in [*served.items(), ("", receiver)] if (line := one.line(prefix))]
    envelope = Middleware(Envelope, behind_proxy=settings.trusted_proxies > 0)
    express = Middleware(Express, lines=lines)
    middleware = [envelope, express]
    if settings.allowed_origins:
        called = [prefix for prefix in served if prefix or at_root is not None]
        allowed, prefixes = settings.allowed_origins, ["/events", *called]
        middleware.insert(1, Middleware(Origins, allowed=allowed, prefixes=prefixes, without=talk.PREFIX))
    app = Starlette(routes=routes, lifespan=_lifespan(yard), middleware=middleware)
    app.state.yard = yard
    return app


def _lifespan(yard: Yard) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await yard.start()
        try:
            yield
        finally:
            await yard.stop()

    return lifespan


def _limiter(settings: Settings) -> Limiter:
    if not settings.redis_url:
        return Limiter()
    from botyard.kit.redis_limits import RedisLimiter

    return RedisLimiter(settings.redis_url)


def _bus(settings: Settings) -> Bus:
    if settings.redis_url:
        from botyard.core.realtime.redis_bus import RedisBus

        return RedisBus(settings.redis_url)
    if not settings.stores.embedded:
        from botyard.core.realtime.postgres_bus import PostgresBus

        return PostgresBus(settings.stores.main)
    return MemoryBus()
