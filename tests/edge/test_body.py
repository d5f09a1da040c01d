"""Bodies are bounded and checked before any route sees them; nothing strange gets through or breaks a thing."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel
from starlette.applications import Starlette

from botyard.core.accounts.policy import PUBLIC
from botyard.edge import body as bodies
from botyard.edge import fast
from botyard.edge.guard import GuardedRoute, HotRoute
from botyard.kit.db import Database
from botyard.kit.errors import Malformed
from botyard.settings import Settings
from tests.edge.yard import Exchange, client, serve

MIB = 1024 * 1024
PATHS = ("/doc/plain", "/doc/hot")
JSON = {"content-type": "application/json"}


class Typed(msgspec.Struct):
    """What the hot route takes."""

    value: Any
    further: Any = None


class Thing(BaseModel):
    """What a route with a model takes."""

    number: int


_typed = msgspec.json.Decoder(Typed)


@pytest.fixture
def app(bare_db: Database, bare_settings: Settings) -> Starlette:
    plain, hot = APIRouter(route_class=GuardedRoute), APIRouter(route_class=HotRoute)

    @plain.post("/plain")
    async def echo(value: Annotated[Any, Body(embed=True)]) -> Any:
        return {"value": value}

    @plain.post("/object")
    async def take(thing: Thing) -> Any:
        return {"number": thing.number}

    @hot.post("/hot")
    async def echo_hot(request: Request) -> Response:
        return fast.answer({"value": bodies.decode(await fast.content(request), _typed).value})

    return serve(
        bare_db,
        bare_settings,
        [plain, hot],
        {"POST /plain": PUBLIC, "POST /object": PUBLIC, "POST /hot": PUBLIC},
    )


def wrapped(text: str) -> bytes:
    return b'{"value": ' + text.encode() + b"}"


GOOD: dict[str, Any] = {
    "text": "héllo 🤖",
    "escaped pair": json.loads('"\\ud83e\\udd16"'),
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "float": 1.5e300,
    "hundred digits in a text": "9" * 100,
    "brackets in a text": "[" * 10_000,
    "deep": json.loads("[" * 99 + "]" * 99),
    "wide": [[]] * 1000,
    "empty": {},
    "escaped control characters": "\x01\x1f\x7f",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD.keys())
async def test_what_json_can_say_comes_through_unchanged(path: str, value: Any, app: Starlette) -> None:
    async with client(app) as http:
        for ascii_only in (True, False):
            content = json.dumps({"value": value}, ensure_ascii=ascii_only).encode()
            reply = await http.post(path, content=content, headers=JSON)
            assert (reply.status_code, reply.json()) == (200, {"value": value})


BAD: dict[str, bytes] = {
    "cut short": b'{"value": 1',
    "only white space": b"  ",
    "two values": b'{"value": 1} {"value": 2}',
    "a comment": b'{"value": 1} // one',
    "trailing comma": b'{"value": [1,]}',
    "single quotes": b"{'value': 1}",
    "NaN": wrapped("NaN"),
    "infinity": wrapped("-Infinity"),
    "number out of range": wrapped("1e400"),
    "65 bits": wrapped(str(2**63)),
    "65 bits below zero": wrapped(str(-(2**63) - 1)),
    "a million digits": wrapped("9" * 500_000),
    "65 bits in a field that is ignored": b'{"value": 1, "further": ' + str(2**64).encode() + b"}",
    "raw NUL": wrapped('"a\x00b"'),
    "escaped NUL": wrapped('"a\\u0000b"'),
    "NUL in a key": wrapped('{"a\\u0000b": 1}'),
    "NUL deep inside": wrapped('[[{"a": ["\\u0000"]}]]'),
    "raw line break in a text": wrapped('"a\nb"'),
    "lone high surrogate": wrapped('"\\ud800"'),
    "lone low surrogate": wrapped('"\\udc00 and on"'),
    "wrong pair": wrapped('"\\ud800\\ud800"'),
    "surrogate as bytes": b'{"value": "\xed\xa0\x80"}',
    "latin-1": '{"value": "é"}'.encode("latin-1"),
    "utf-16": '{"value": "é"}'.encode("utf-16"),
    "utf-32": '{"value": 1}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"value": 1}',
    "overlong": b'{"value": "\xc0\xaf"}',
    "too deep": wrapped("[" * 101 + "]" * 101),
    "much too deep": wrapped("[" * 100_000 + "]" * 100_000),
    "much too deep objects": wrapped('{"a":' * 50_000 + "1" + "}" * 50_000),
    "deep and cut short": b"[" * 1_000_000,
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 20,
    "not JSON": b"value=1",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
async def test_what_no_store_can_keep_is_refused_in_the_envelope(
    path: str, content: bytes, app: Starlette
) -> None:
    async with client(app) as http:
        reply = await http.post(path, content=content, headers=JSON)
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed"), reply.text
    assert len(reply.json()["wrong"]) < 300


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "application/jsonx", "json", "x" * 5000]
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(kind: str, app: Starlette) -> None:
    """A page of another site can send texts and forms without asking, but never JSON."""
    headers = {"content-type": kind} if kind else {}
    async with client(app) as http:
        reply = await http.post("/doc/plain", content=wrapped("1"), headers=headers)
    assert (reply.status_code, "Content-Type: application/json" in reply.json()["wrong"]) == (400, True)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_form_is_no_json(kind: str, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.post("/doc/plain", content=wrapped("1"), headers={"content-type": kind})
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed")


async def test_what_is_wanted_is_said_where_something_else_was_sent(app: Starlette) -> None:
    """curl calls what it sends a form, unless it is told."""
    async with client(app) as http:
        form = await http.post("/doc/object", data={"number": "1"})
        array = await http.post("/doc/object", content=b"[1]", headers=JSON)
        nothing = [await http.post(path, headers=JSON) for path in (*PATHS, "/doc/object")]

    assert "Content-Type: application/json" in form.json()["wrong"]
    assert array.json()["wrong"] == "A JSON object is wanted here."
    assert [reply.json()["wrong"] for reply in nothing[1:]] == ["The request body is missing."] * 2
    assert nothing[0].json()["wrong"].endswith("is missing.")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", " application/json "]
)
async def test_json_may_be_called_so_in_its_ways(kind: str, app: Starlette) -> None:
    async with client(app) as http:
        reply = await http.post("/doc/plain", content=wrapped("1"), headers={"content-type": kind})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(path: str, app: Starlette) -> None:
    frame = len(wrapped('""'))
    async with client(app) as http:
        for extra, status in ((0, 200), (1, 413)):
            content = wrapped('"' + "x" * (MIB - frame + extra) + '"')
            assert len(content) == MIB + extra
            reply = await http.post(path, content=content, headers=JSON)
            assert reply.status_code == status
    assert (reply.json()["code"], str(MIB) in reply.json()["wrong"]) == ("too_large", True)


@pytest.mark.parametrize("path", PATHS)
async def test_of_a_chunked_body_no_more_is_read_than_the_limit(path: str, app: Starlette) -> None:
    exchange = Exchange(app, path)
    reply = await exchange.run(b"x" * 65_536 for _ in range(160))
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert exchange.asked <= MIB // 65_536 + 2


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_announces_its_size_is_refused_unread(path: str, app: Starlette) -> None:
    exchange = Exchange(app, path, headers={**JSON, "content-length": str(10 * MIB)})
    reply = await exchange.run(b"x" * 65_536 for _ in range(160))
    assert (reply.status_code, exchange.asked) == (413, 0)


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "x", "", "9" * 400])
async def test_a_wrong_length_breaks_nothing(length: str, app: Starlette) -> None:
    exchange = Exchange(app, "/doc/plain", headers=dict(JSON))
    exchange.headers["content-length"] = length.encode().decode("latin-1")
    assert (await exchange.run([wrapped("1")])).status_code in (200, 413)


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_in_many_small_pieces_is_put_together(path: str, app: Starlette) -> None:
    content = wrapped('"' + "é" * 500 + '"')
    reply = await Exchange(app, path).run(content[at : at + 1] for at in range(len(content)))
    assert (reply.status_code, reply.json()) == (200, {"value": "é" * 500})


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_that_hangs_up_in_the_middle_is_no_error_of_the_server(
    path: str, app: Starlette
) -> None:
    reply = await Exchange(app, path).run([b'{"value": '], complete=False)
    assert reply.status_code == 400


@pytest.mark.parametrize("value", [["\x00"], {"\x00": 1}, 2**64, json.loads("[" * 101 + "]" * 101)], ids=repr)
def test_values_from_elsewhere_are_held_to_the_same(value: Any) -> None:
    with pytest.raises(Malformed):
        bodies.storable({"value": value})


def test_values_that_nest_without_end_are_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Malformed):
        bodies.storable(value)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=5", 200),
        ("limit=0", 400),
        ("limit=1001", 400),
        ("limit=1e1", 400),
        ("limit=1_0", 400),
        ("limit=+5", 400),
        ("limit=٣", 400),
        ("limit=%205", 400),
        ("limit=", 400),
        ("limit=" + "9" * 5000, 400),
        ("wait=2.5", 200),
        ("wait=2.5e-10", 200),
        ("wait=nan", 400),
        ("wait=inf", 400),
        ("wait=-1", 400),
        ("wait=1_0", 400),
        ("wait=" + "9" * 5000, 400),
        ("wait=1e999", 400),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_numbers_of_hot_routes_are_plain_ones(
    query: str, status: int, bare_db: Database, bare_settings: Settings
) -> None:
    hot = APIRouter(route_class=HotRoute)

    @hot.get("/numbers")
    async def numbers(request: Request) -> Response:
        fast.integer(request, "limit", default=10, low=1, high=1000)
        fast.number(request, "wait", default=0, low=0, high=60)
        return fast.answer({})

    async with client(serve(bare_db, bare_settings, [hot], {"GET /numbers": PUBLIC})) as http:
        assert (await http.get(f"/doc/numbers?{query}")).status_code == status
