"""What every test may ask for: stores, a clock, servers; and the report of what ran on what."""

import gc
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import redis

from botyard.core.accounts import passwords
from botyard.kit import clock as clock_module
from botyard.kit.clock import FrozenClock
from botyard.kit.db import Database, Stores
from botyard.settings import Settings
from tests import stores as templates
from tests.guard import Guard
from tests.servers import ServerMissing, Servers, find_pgvector

RAN_ON = "ran on"
NOTE = "note"
SERVERS = pytest.StashKey[Servers]()
GUARD = Guard()
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
NGINX = shutil.which("nginx") or shutil.which(
    "/usr/sbin/nginx"
)  # Debian keeps it off the path of most people

# How long an example takes says something about the machine's other work, not about our code.
hypothesis.settings.register_profile("botyard", deadline=None)
hypothesis.settings.load_profile("botyard")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stores",
        default=",".join(templates.NAMES),
        help="Stores that tests run on, separated by commas: sqlite, postgres (default: both).",
    )


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--stores").split(",")
    if unknown := set(chosen) - set(templates.NAMES):
        raise pytest.UsageError(f"--stores knows {', '.join(templates.NAMES)}, not {', '.join(unknown)}.")
    for name in [name for name in os.environ if name.startswith("BOTYARD_") and "_TEST_" not in name]:
        del os.environ[name]  # the settings of the developer's own server are not those of a test
    # Most tests that write examples never train, and loading scikit-learn takes a core for a second.
    os.environ["BOTYARD_TRAINING_READY"] = "false"
    given = getattr(config, "workerinput", {})
    config.stash[SERVERS] = servers = Servers(**given["servers"]) if given else Servers()
    GUARD.allowed |= {urlsplit(url).hostname or "" for url in (servers.postgres_url, servers.redis_url)}
    GUARD.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    GUARD.active = False
    if SERVERS in config.stash:
        config.stash[SERVERS].stop()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before an xdist process starts: the servers are this process', the workers only use them."""
    servers = node.config.stash[SERVERS]
    postgres = servers.postgres().url if "postgres" in node.config.getoption("--stores") else ""
    node.workerinput["servers"] = {"postgres_url": postgres, "redis_url": servers.redis().url}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays until the end: the collector of garbage need not look through it again
    and again, which it would do for a tenth of the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser or with nginx say at the end that they did not run where there is none."""
    wanted = {
        "browser": (BROWSER, "Chromium is missing: install Debian's `chromium`"),
        "nginx": (NGINX, "nginx is missing: install Debian's `nginx-light`"),
    }
    for marker, (program, reason) in wanted.items():
        if program is None:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--stores").split(",")
        metafunc.parametrize("store", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """PostgreSQL and Redis of this run."""
    return pytestconfig.stash[SERVERS]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's browser, for tests marked `browser`."""
    assert BROWSER is not None, "mark the test `browser`"
    return BROWSER


@pytest.fixture(scope="session")
def nginx_program() -> str:
    """Path of the system's nginx, for tests marked `nginx`."""
    assert NGINX is not None, "mark the test `nginx`"
    return NGINX


@pytest.fixture(scope="session")
def worker() -> str:
    """Name of this test process."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> str:
    """The store that this test runs on: "sqlite" or "postgres"; asking for it runs the test on both."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _note_store(request: pytest.FixtureRequest) -> None:
    """Let the report count what ran on what."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and "store" in callspec.params:
        request.node.user_properties.append((RAN_ON, callspec.params["store"]))
    for fixture, name in (("redis_url", "redis"), ("pgvector_templates", "pgvector")):
        if fixture in request.fixturenames:
            request.node.user_properties.append((RAN_ON, name))
    for marker, name in (("browser", "chromium"), ("nginx", "nginx")):
        if request.node.get_closest_marker(marker):
            request.node.user_properties.append((RAN_ON, name))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """note("...") adds a line to the report at the end of the run: a measure, a count."""
    return lambda text: request.node.user_properties.append((NOTE, text))


@pytest.fixture(scope="session")
def store_templates(
    store: str, servers: Servers, worker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[templates.Templates]:
    made: templates.Templates
    if store == "sqlite":
        made = templates.SqliteTemplates(tmp_path_factory.mktemp("template"))
    else:
        made = templates.PostgresTemplates(servers.postgres().url, worker)
    yield made
    made.close()


@pytest.fixture(scope="session")
def pgvector_templates(
    servers: Servers, worker: str, pytestconfig: pytest.Config
) -> Iterator[templates.PostgresTemplates]:
    """Databases on a server with pgvector, started for the few tests of it."""
    if "postgres" not in pytestconfig.getoption("--stores"):
        pytest.skip("pgvector is of PostgreSQL, which --stores leaves out")
    try:
        server = servers.pgvector()
    except ServerMissing as error:
        pytest.skip(str(error))
    made = templates.PostgresTemplates(server.url, worker)
    yield made
    made.close()


@pytest.fixture
def stores(store_templates: templates.Templates, tmp_path: Path) -> Iterator[Stores]:
    """Where this test keeps its data: empty, migrated, its own."""
    with store_templates.fresh(tmp_path / "data") as fresh:
        yield fresh


@pytest.fixture
def settings(stores: Stores, tmp_path: Path) -> Settings:
    """Settings of a server on this test's stores."""
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    return Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url, port=0)


@pytest.fixture
async def db(stores: Stores, settings: Settings) -> AsyncIterator[Database]:
    """The database of this test, with the settings as a part."""
    database = Database(stores)
    database.parts.add(settings)
    yield database
    await database.close()


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Thousands of accounts are made and signed in: each hash is as little work as there is."""
    with passwords.use(passwords.Cost(memory_kib=8, passes=1)):
        yield


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    """A clock that stands still at noon on 1 June 2026 until the test moves it."""
    frozen = FrozenClock(datetime(2026, 6, 1, 12, tzinfo=UTC))
    with clock_module.use(frozen):
        yield frozen


@pytest.fixture
def redis_url(servers: Servers, worker: str) -> str:
    """An empty database of the run's Redis; each test process has its own."""
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    url = urlsplit(servers.redis().url)._replace(path=f"/{number}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what ran on what, and by name what did not run and why."""
    told = [
        (key, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for key, value in getattr(report, "user_properties", ())
    ]
    counts = Counter(value for key, value in told if key == RAN_ON)
    terminalreporter.section("what ran on what")
    for name, what in _descriptions(config).items():
        terminalreporter.line(f"{counts.get(name, 0):6} tests on {what}")
    for key, text in told:
        if key == NOTE:
            terminalreporter.line(f"       {text}")
    for reason, number in _skipped(terminalreporter).items():
        terminalreporter.line(f"{number:6} not run: {reason}", yellow=True)
    if left_out := set(templates.NAMES) - set(config.getoption("--stores").split(",")):
        terminalreporter.line(f"       left out by --stores: {', '.join(sorted(left_out))}", yellow=True)


def _descriptions(config: pytest.Config) -> dict[str, str]:
    started = config.stash[SERVERS].started
    origin = {name: server.origin for name, server in started.items()}
    return {
        "sqlite": "SQLite (Python's own)",
        "postgres": f"PostgreSQL ({origin.get('postgres', 'not needed')})",
        "pgvector": f"PostgreSQL with pgvector ({_pgvector()})",
        "redis": f"Redis ({origin.get('redis', 'not needed')})",
        "chromium": f"Chromium ({BROWSER or 'missing'})",
        "nginx": f"nginx ({NGINX or 'missing'})",
    }


def _pgvector() -> str:
    try:
        return find_pgvector()[1]
    except ServerMissing:
        return "missing"


def _skipped(terminalreporter: Any) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        detail = report.longrepr
        reasons[str(detail[2] if isinstance(detail, tuple) else detail).removeprefix("Skipped: ")] += 1
    return reasons
