"""A bot in a process of its own, to be killed: `python bot_process.py URL STATE_DIR [word ...]`.

Words: `slow-batches` keeps logs on disk for an hour, `no-acks` keeps acknowledgements back once they failed.
"""

import sys
import threading
from pathlib import Path

from botyard_agent import Agent, Command, Options
from tests.agents.fake_server import TOKEN


def main(url: str, state_dir: str, *words: str) -> None:
    options = Options(
        batch_s=3600.0 if "slow-batches" in words else 0.02,
        backoff_s=(60.0, 60.0) if "no-acks" in words else (0.01, 0.05),
        wait_s=5.0,
        grace_s=3.0,
    )
    agent = Agent(url, TOKEN, state_dir=state_dir, options=options, parallel=2)
    runs = Path(state_dir) / "runs"

    def note(command: Command) -> None:
        with runs.open("a") as file:
            file.write(f"{command.type} {command.id}\n")

    @agent.command("count")
    def count(command: Command) -> dict[str, int]:
        note(command)
        return {"runs": len(runs.read_text().splitlines())}

    @agent.command("tell")
    def tell(command: Command) -> None:
        for number in range(command.payload["lines"]):
            agent.log(f"line {number}")

    @agent.command("hang")
    def hang(command: Command) -> None:
        note(command)
        agent.log("hanging")
        threading.Event().wait(60)

    @agent.command("hang-again", idempotent=True)
    def hang_again(command: Command) -> str:
        note(command)
        if command.attempt == 1:
            agent.log("hanging")
            threading.Event().wait(60)
        return "done"

    @agent.command("finish")
    def finish(command: Command) -> str:
        note(command)
        agent.log("finishing")
        threading.Event().wait(command.payload["seconds"])
        return "done"

    agent.run()
    print("ended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
