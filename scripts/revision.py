"""Write the next revision of a store from the difference between its tables and its newest schema.

    python scripts/revision.py main "Let bots have tags"

Read what it wrote before you commit it, and set its number in `botyard.migrations.HEADS`.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from botyard.kit.db import Stores
from botyard.migrations import CHAINS, HEADS, configuration, connect, tables, upgrade

assert tables.ALL


def main(name: str, message: str) -> None:
    """Make one revision of the chain `name`."""
    chain = next(chain for chain in CHAINS if chain.name == name)
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores.at("", Path(folder))
        numbers = [
            path.name[:4]
            for path in (Path(__file__).parent.parent / f"src/botyard/migrations/{name}").glob("0*.py")
        ]
        if numbers:
            HEADS[name] = max(numbers)
            upgrade(stores)
        number = f"{int(max(numbers, default='0')) + 1:04d}"
        with connect(stores.main if name == "main" else stores.stream) as connection:
            config = configuration(chain, connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(config, message, autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
