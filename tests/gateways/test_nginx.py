"""The nginx example protects a service: run as its readers would, in front of real servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import httpx
import pytest

from botyard.web.rendering import render
from tests import loopback
from tests.gateways.conftest import Service, Yards
from tests.gateways.nginx import nginx
from tests.gateways.page import BOTYARD, SERVICE, example
from tests.proxy import Proxy, in_front_of

pytestmark = [pytest.mark.nginx]

CACHE_S, SEEN_S, MARGIN_S = 1.0, 1.0, 0.5


@asynccontextmanager
async def in_front(
    program: str, folder: Path, *, botyard: str, service: Service
) -> AsyncIterator[httpx.AsyncClient]:
    places = {BOTYARD: botyard, SERVICE: service.url, "/run/nginx-botyard": str(folder / "cache")}
    site = example("nginx", **places)
    async with (
        nginx(program, site, folder / "nginx") as url,
        loopback.client(base_url=url, timeout=20) as http,
    ):
        yield http


@pytest.fixture
async def gateway(
    nginx_program: str, tmp_path: Path, yards: Yards, service: Service
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service that goes through nginx."""
    async with in_front(nginx_program, tmp_path, botyard=yards.one.url, service=service) as http:
        yield http


@pytest.fixture
async def proxy(yards: Yards) -> AsyncIterator[Proxy]:
    """Stands between nginx and Botyard."""
    proxy = in_front_of(yards.one.url)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def behind_proxy(
    nginx_program: str, tmp_path: Path, proxy: Proxy, service: Service
) -> AsyncIterator[httpx.AsyncClient]:
    """As `gateway`, with the proxy between nginx and Botyard."""
    botyard = f"http://127.0.0.1:{proxy.port}"
    async with in_front(nginx_program, tmp_path, botyard=botyard, service=service) as http:
        yield http


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def forged(token: str) -> str:
    """The token with another signature. Its last characters would not do: a few of their bits mean nothing."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def headers_of(reply: httpx.Response) -> dict[str, list[str]]:
    """What reached the service, by name."""
    found: dict[str, list[str]] = {}
    for name, value in reply.json()["headers"]:
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    "credential",
    ["", "Bearer", "Bearer not-a-token", "Basic YWRtaW46YWRtaW4=", "not-a-token"],
)
async def test_without_a_valid_token_nothing_gets_through(
    gateway: httpx.AsyncClient, service: Service, credential: str
) -> None:
    headers = {"authorization": credential} if credential else {}

    reply = await gateway.post("/orders", json={"n": 1}, headers=headers)

    assert reply.status_code == 401
    assert service.requests == []


async def test_with_one_the_service_learns_who_calls(gateway: httpx.AsyncClient, yards: Yards) -> None:
    reply = await gateway.post("/orders?n=1", content=b"two of them", headers=bearer(await yards.sign_in()))

    assert (reply.status_code, reply.json()["method"], reply.json()["body"]) == (200, "POST", "two of them")
    came = headers_of(reply)
    assert (came["x-botyard-user-id"], came["x-botyard-role"]) == (["1"], ["admin"])


async def test_remembered_answers_tell_the_same(gateway: httpx.AsyncClient, yards: Yards) -> None:
    token = await yards.sign_in()

    replies = [await gateway.get("/", headers=bearer(token)) for _ in range(30)]

    assert {reply.status_code for reply in replies} == {200}
    assert {headers_of(reply)["x-botyard-user-id"][0] for reply in replies} == {"1"}


async def test_what_is_remembered_is_of_one_token_only(
    behind_proxy: httpx.AsyncClient, proxy: Proxy, yards: Yards
) -> None:
    token = await yards.sign_in()
    for _ in range(20):
        assert (await behind_proxy.get("/", headers=bearer(token))).status_code == 200
        assert (await behind_proxy.get("/", headers=bearer(forged(token)))).status_code == 401
        assert (await behind_proxy.get("/")).status_code == 401
    # A connection a question: 40 for what is refused, and fewer than 20 for what is remembered.
    assert 40 < proxy.accepted < 60


@pytest.mark.parametrize(
    "name", ["X-Botyard-User-Id", "x-botyard-user-id", "X_Botyard_User_Id", "X-Botyard-Role"]
)
async def test_what_a_client_forges_goes_no_further(
    gateway: httpx.AsyncClient, yards: Yards, service: Service, name: str
) -> None:
    forged = [("Authorization", f"Bearer {await yards.sign_in()}"), (name, "4711"), (name, "admin")]

    reply = await gateway.get("/", headers=forged)

    assert (reply.status_code, len(service.requests)) == (200, 1)
    came = headers_of(reply)
    assert (came["x-botyard-user-id"], came["x-botyard-role"]) == (["1"], ["admin"])
    assert "4711" not in str(came)


async def test_a_token_in_the_address_does_not_count(
    gateway: httpx.AsyncClient, yards: Yards, service: Service
) -> None:
    reply = await gateway.get("/", params={"token": await yards.sign_in()})

    assert (reply.status_code, service.requests) == (401, [])


async def test_the_address_that_asks_is_not_for_clients(gateway: httpx.AsyncClient, yards: Yards) -> None:
    assert (await gateway.get("/_token", headers=bearer(await yards.sign_in()))).status_code == 404


async def test_a_revoked_token_is_refused_within_a_second_and_what_nginx_remembers(
    gateway: httpx.AsyncClient, yards: Yards, note: Callable[[str], None], store: str
) -> None:
    longest = 0.0
    for _ in range(3):
        token = await yards.sign_in()
        assert (await gateway.get("/", headers=bearer(token))).status_code == 200

        await yards.sign_out()
        began = time.monotonic()
        async with asyncio.timeout(10):
            while (await gateway.get("/", headers=bearer(token))).status_code == 200:
                await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)

    assert longest < CACHE_S + SEEN_S + MARGIN_S
    note(f"a revoked token passed nginx for up to {longest:.2f} s ({store})")


async def test_nobody_gets_in_while_botyard_is_away(
    behind_proxy: httpx.AsyncClient, proxy: Proxy, yards: Yards, service: Service
) -> None:
    token = await yards.sign_in()
    await proxy.stop()

    for headers in (bearer(token), {}):
        assert (await behind_proxy.get("/", headers=headers)).status_code == 500
    assert service.requests == []

    await proxy.start()
    assert (await behind_proxy.get("/", headers=bearer(token))).status_code == 200


async def test_nobody_gets_in_while_botyard_says_nothing(
    behind_proxy: httpx.AsyncClient, proxy: Proxy, yards: Yards, service: Service
) -> None:
    token = await yards.sign_in()
    proxy.freeze()
    began = time.monotonic()

    reply = await behind_proxy.get("/", headers=bearer(token))

    assert (reply.status_code, service.requests) == (500, [])
    assert time.monotonic() - began < 5


async def test_tokens_are_in_no_file_but_the_one_in_memory(
    gateway: httpx.AsyncClient, yards: Yards, tmp_path: Path
) -> None:
    token = await yards.sign_in()
    for credential in (token, forged(token)):
        await gateway.get("/", headers=bearer(credential))

    holding = [
        p for p in tmp_path.rglob("*") if p.is_file() and token.rpartition(".")[0].encode() in p.read_bytes()
    ]

    assert {path.relative_to(tmp_path).parts[0] for path in holding} <= {"cache"}
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


async def test_behind_https_the_certificate_of_botyard_is_checked(
    nginx_program: str, tmp_path: Path, yards: Yards, service: Service
) -> None:
    there = yards.one.url.replace("http:", "https:")
    site = render("gateway/nginx.conf", address=there).replace(SERVICE, service.url)
    for shown, ours in (
        ("/run/nginx-botyard", str(tmp_path / "cache")),
        ("/etc/ssl/certs/ca-certificates.crt", certifi.where()),
    ):
        assert shown in site
        site = site.replace(shown, ours)
    assert "proxy_ssl_verify on;" in site

    async with (
        nginx(nginx_program, site, tmp_path / "nginx") as url,
        loopback.client(base_url=url, timeout=20) as http,
    ):
        reply = await http.get("/", headers=bearer(await yards.sign_in()))

    # What answers there speaks no TLS: nobody gets in.
    assert (reply.status_code, service.requests) == (500, [])


def test_the_example_asks_where_the_document_answers() -> None:
    asked = next(line for line in example("nginx").splitlines() if BOTYARD in line)

    assert urlsplit(asked.split()[1].rstrip(";")).path == "/vivesphere/api/v1/auth/validate"
