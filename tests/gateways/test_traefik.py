"""The Traefik example: what it names exists, and what it does not ask for stays behind."""

from urllib.parse import urlsplit

import yaml

from tests import loopback
from tests.gateways.conftest import Yards
from tests.gateways.page import BOTYARD, example


async def test_every_part_of_the_example_is_there_and_the_answer_has_what_it_hands_on(yards: Yards) -> None:
    http = yaml.safe_load(example("yaml"))["http"]
    for router in http["routers"].values():
        assert router["service"] in http["services"]
        assert set(router["middlewares"]) <= set(http["middlewares"])
    [asks] = [middleware["forwardAuth"] for middleware in http["middlewares"].values()]
    assert asks["address"].startswith(BOTYARD)
    assert (asks["authRequestHeaders"], asks["trustForwardHeader"], asks["forwardBody"]) == (
        ["Authorization"],
        False,
        False,
    )

    async with loopback.client(base_url=yards.one.url) as client:
        headers = {"authorization": f"Bearer {await yards.sign_in()}", "x-forwarded-uri": "/?token=another"}
        reply = await client.get(urlsplit(asks["address"]).path, headers=headers)
        refused = await client.get(urlsplit(asks["address"]).path)

    assert (reply.status_code, refused.status_code) == (200, 401)
    assert [reply.headers.get(name) for name in asks["authResponseHeaders"]] == ["1", "admin"]
    assert not any(name in refused.headers for name in asks["authResponseHeaders"])
