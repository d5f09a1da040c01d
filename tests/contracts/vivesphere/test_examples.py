"""The examples of the documentation, run with curl in one shell, give the answers that stand below them."""

from tests.contracts.conftest import ADMIN_PASSWORD
from tests.contracts.examples import DOCS, blocks, disagreements
from tests.contracts.running import Running
from tests.contracts.vivesphere.cast import PREFIX

PAGE = DOCS / "how-to" / "use-vivesphere.md"


async def test_every_example_gives_the_answer_below_it(running: Running) -> None:
    environment = {"BASE": f"{running.url}{PREFIX}/api/v1", "PASSWORD": ADMIN_PASSWORD}
    assert await disagreements(PAGE, environment) == []
    assert len([answer for _, answer in blocks(PAGE) if answer]) >= 15
