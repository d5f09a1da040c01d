"""Commands: run, reported, renewed, redelivered, refused."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from botyard_agent import Agent, Command, CommandFailed, Options
from tests.agents.conftest import HASTE
from tests.agents.fake_server import FakeServer


@pytest.fixture
def start(make_agent: Callable[..., Agent]) -> Callable[..., Agent]:
    """start(say=function, ...) runs an agent with these handlers."""

    def start(how: dict[str, Any] | None = None, **handlers: Callable[[Command], Any]) -> Agent:
        agent = make_agent(**(how or {}))
        for name, handler in handlers.items():
            agent.command(name)(handler)
        return agent.start()

    return start


def test_a_command_runs_and_its_value_is_the_result(server: FakeServer, start: Callable[..., Agent]) -> None:
    start(say=lambda command: {"said": command.payload["text"]})

    done = server.wait_done(server.send("say", {"text": "grüße"}))

    assert (done["status"], done["result"]) == ("completed", {"said": "grüße"})
    assert done["attempt"] == 1


@pytest.mark.parametrize(("value", "result"), [(None, {}), (7, {"value": 7}), (["a"], {"value": ["a"]})])
def test_values_that_are_no_object_are_wrapped(
    server: FakeServer, start: Callable[..., Agent], value: Any, result: dict[str, Any]
) -> None:
    start(give=lambda _command: value)

    assert server.wait_done(server.send("give"))["result"] == result


def test_a_coroutine_handler_runs(server: FakeServer, start: Callable[..., Agent]) -> None:
    async def wait(command: Command) -> str:
        await asyncio.sleep(0)
        return command.id

    start(wait=wait)

    command_id = server.send("wait")

    assert server.wait_done(command_id)["result"] == {"value": command_id}


def test_an_exception_fails_the_command_with_a_short_message_without_secrets(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    def burst(_command: Command) -> None:
        raise ValueError("password=hunter22 " + "x" * 5000)

    start(burst=burst)

    done = server.wait_done(server.send("burst"))

    assert done["status"] == "failed"
    assert done["result"]["error"].startswith("ValueError: password=[redacted] xxx")
    assert len(done["result"]["error"]) < 600


def test_a_handler_can_fail_a_command_with_words_and_details(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    def refuse(_command: Command) -> None:
        raise CommandFailed("The group is closed.", group="g1")

    start(refuse=refuse)

    done = server.wait_done(server.send("refuse"))

    assert (done["status"], done["result"]) == ("failed", {"error": "The group is closed.", "group": "g1"})


def test_a_handler_that_exits_fails_only_its_command(server: FakeServer, start: Callable[..., Agent]) -> None:
    def leave(_command: Command) -> None:
        raise SystemExit(3)

    start(leave=leave)

    assert server.wait_done(server.send("leave"))["result"] == {"error": "SystemExit: 3"}
    assert server.wait_done(server.send("ping"))["status"] == "completed"


def test_an_unknown_command_fails_and_names_the_known_ones(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    start(say=lambda _command: None)

    done = server.wait_done(server.send("sya"))

    assert done["status"] == "failed"
    assert "no command 'sya'" in done["result"]["error"]
    assert "say" in done["result"]["error"]


@pytest.mark.parametrize(
    ("value", "words"),
    [("x" * (256 * 1024), "at most 262144"), (float("nan"), "not JSON"), ({"a": {1, 2}}, None)],
)
def test_a_result_that_cannot_be_reported_is_told(
    server: FakeServer, start: Callable[..., Agent], value: Any, words: str | None
) -> None:
    start(give=lambda _command: value)

    done = server.wait_done(server.send("give"))

    if words is None:  # what JSON does not know is reported as its text
        assert done["result"] == {"a": str({1, 2})}
    else:
        assert done["status"] == "failed"
        assert words in done["result"]["error"]


def test_a_result_that_the_server_refuses_becomes_a_short_failure(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    server.refuse = lambda body: "too odd" if body.get("result") == {"value": "odd"} else None
    start(give=lambda _command: "odd")

    done = server.wait_done(server.send("give"))

    assert done["result"] == {"error": "The server refused the result: too odd"}


def test_commands_run_one_at_a_time_in_order(server: FakeServer, start: Callable[..., Agent]) -> None:
    running: list[str] = []
    seen: list[tuple[str, int]] = []

    def note(command: Command) -> None:
        running.append(command.id)
        seen.append((command.id, len(running)))
        running.remove(command.id)

    ids = [server.send("note") for _ in range(8)]
    start(note=note)

    server.wait_done(ids[-1])
    assert seen == [(command_id, 1) for command_id in ids]


def test_parallel_commands_run_together(server: FakeServer, start: Callable[..., Agent]) -> None:
    meeting = threading.Barrier(3)
    ids = [server.send("meet") for _ in range(3)]

    start({"parallel": 3}, meet=lambda _command: meeting.wait(10))

    assert {server.wait_done(command_id)["status"] for command_id in ids} == {"completed"}


def test_a_lease_is_renewed_while_its_handler_runs(server: FakeServer, start: Callable[..., Agent]) -> None:
    finish = threading.Event()
    options = Options(lease_s=0.4, wait_s=5.0, backoff_s=(0.01, 0.05))
    start({"options": options}, work=lambda _command: finish.wait(10))
    command_id = server.send("work")

    server.wait_for(lambda: len([c for c in server.calls if c.path.endswith("/renew")]) >= 3)
    finish.set()

    assert server.wait_done(command_id)["attempt"] == 1


def test_a_handler_sees_that_its_command_was_cancelled(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    started, noticed, over = threading.Event(), threading.Event(), threading.Event()

    def work(command: Command) -> None:
        started.set()
        while not command.cancelled and not over.wait(0.01):
            pass
        noticed.set()

    start({"options": Options(lease_s=0.1, wait_s=5.0, backoff_s=(0.01, 0.05))}, work=work)
    command_id = server.send("work")
    assert started.wait(10)

    server.cancel(command_id)

    assert noticed.wait(10)
    over.set()


def test_a_lost_acknowledgement_is_sent_again_and_the_command_is_not(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    runs: list[str] = []
    server.fail("/ack", lose_answer=True, times=3)
    start(count=lambda command: runs.append(command.id))

    command_id = server.send("count")
    server.wait_for(lambda: len(server.acks) >= 4)

    assert runs == [command_id]
    assert len({str(body) for _, body in server.acks}) == 1


def test_a_command_redelivered_after_its_lease_ran_out_is_acknowledged_from_the_journal(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    runs: list[str] = []
    # the acknowledgement never arrives while the lease lasts
    fault = server.fail("/ack", status=503, times=1000)
    start(
        {"options": Options(wait_s=5.0, backoff_s=(30.0, 60.0))},
        count=lambda command: runs.append(command.id),
    )
    command_id = server.send("count")
    server.wait_for(lambda: fault.times < 1000)
    fault.times = 0

    server.advance(3600)

    done = server.wait_done(command_id)
    assert (done["status"], done["attempt"], runs) == ("completed", 2, [command_id])


def test_a_command_redelivered_while_it_runs_is_not_started_again(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    started, finish, runs = threading.Event(), threading.Event(), []

    def work(command: Command) -> None:
        runs.append(command.id)
        started.set()
        finish.wait(10)

    start({"parallel": 2}, work=work)
    command_id = server.send("work")
    assert started.wait(10)

    server.advance(3600)
    server.wait_for(lambda: server.commands[command_id]["attempt"] == 2)
    ping = server.send("ping")
    server.wait_done(ping)
    finish.set()

    done = server.wait_done(command_id)
    assert (done["status"], runs) == ("completed", [command_id])
    assert [body["lease_id"] for id_, body in server.acks if id_ == command_id] == ["lease_cmd_1_2"]


def test_a_command_that_went_to_another_process_is_left_to_it_and_reported_when_it_comes_back(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    started, finish, runs = threading.Event(), threading.Event(), []

    def work(command: Command) -> str:
        runs.append(command.id)
        started.set()
        finish.wait(10)
        return "x" * 10_000  # longer than what is kept of an end that the server has

    start(work=work)
    command_id = server.send("work")
    assert started.wait(10)
    server.hand_over(command_id, lease_s=60)
    finish.set()
    server.wait_done(server.send("ping"))
    assert server.commands[command_id]["status"] == "pending"
    assert len([id_ for id_, _ in server.acks if id_ == command_id]) == 1

    server.advance(3600)  # the other process is gone

    assert server.wait_done(command_id)["result"] == {"value": "x" * 10_000}
    assert runs == [command_id]


def test_an_end_told_again_is_told_under_the_newest_lease(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    started, finish = threading.Event(), threading.Event()

    def work(_command: Command) -> None:
        started.set()
        finish.wait(10)

    start({"parallel": 2}, work=work)
    command_id = server.send("work")
    assert started.wait(10)
    server.advance(3600)
    server.wait_for(lambda: server.commands[command_id]["attempt"] == 2)
    server.wait_done(server.send("ping"))  # the new lease has arrived
    server.fail(f"{command_id}/ack", status=503, times=2)
    finish.set()

    assert server.wait_done(command_id)["status"] == "completed"
    assert {body["lease_id"] for id_, body in server.acks if id_ == command_id} == {"lease_cmd_1_2"}


def test_an_end_that_the_server_has_otherwise_is_settled(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    started, finish = threading.Event(), threading.Event()

    def work(_command: Command) -> None:
        started.set()
        finish.wait(10)

    start(work=work)
    command_id = server.send("work")
    assert started.wait(10)
    server.cancel(command_id)
    finish.set()

    server.wait_done(server.send("ping"))
    assert len([id_ for id_, _ in server.acks if id_ == command_id]) == 1


def test_polling_slows_down_for_a_server_that_does_not_hold_the_call(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    start({"options": Options(wait_s=0.0, backoff_s=(0.01, 0.05))})
    server.wait_for(lambda: len([c for c in server.calls if c.path.endswith("/commands")]) >= 1)

    for _ in range(20):
        server.wait_done(server.send("ping"))

    assert len(server.calls_to("/commands")) < 100


def test_ping_tells_how_the_bot_is(server: FakeServer, start: Callable[..., Agent]) -> None:
    start()

    result = server.wait_done(server.send("ping"))["result"]

    assert result["waiting"] == 0
    assert result["up_s"] >= 0


def test_log_level_leaves_out_what_is_below_it(server: FakeServer, start: Callable[..., Agent]) -> None:
    agent = start()
    server.wait_done(server.send("log-level", {"level": "warning"}))

    agent.log("chatter")
    agent.log("smoke", "warning")
    assert agent.flush()

    assert server.texts() == ["smoke"]
    assert server.wait_done(server.send("log-level", {"level": "loud"}))["status"] == "failed"


def test_drain_takes_no_further_command_and_sends_everything(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    agent = start({"options": Options(batch_s=3600.0, wait_s=5.0, backoff_s=(0.01, 0.05))})
    agent.log("last words")

    done = server.wait_done(server.send("drain"))
    late = server.send("ping")
    agent.log("after it")
    assert agent.flush()

    assert done["result"] == {"drained": True, "waiting": 0}
    assert server.texts() == ["last words", "after it"]
    assert server.commands[late]["attempt"] == 0


def test_a_command_that_arrives_while_draining_goes_back_to_the_queue(
    server: FakeServer, start: Callable[..., Agent]
) -> None:
    start({"parallel": 2})
    server.wait_done(server.send("drain"))  # a call for one more command is still waiting now

    late = server.send("ping")

    server.wait_for(lambda: [c for c in server.calls if c.path.endswith(f"{late}/release")])
    assert server.commands[late]["state"] == "queued"


def test_stop_is_acknowledged_before_the_bot_goes(server: FakeServer, start: Callable[..., Agent]) -> None:
    agent = start()

    done = server.wait_done(server.send("stop"))

    assert done["result"] == {"stopping": True}
    assert agent.wait_stopped(10)
    assert server.calls[-1].path.endswith("/bye")


def test_restart_inside_another_program_needs_to_be_told_how(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    again = threading.Event()
    agent = make_agent().start()
    assert server.wait_done(server.send("restart"))["status"] == "failed"
    agent.stop()

    agent = make_agent(on_restart=again.set).start()

    assert server.wait_done(server.send("restart"))["result"] == {"restarting": True}
    assert again.wait(10)


def test_a_bot_may_replace_a_built_in_command(server: FakeServer, start: Callable[..., Agent]) -> None:
    start(ping=lambda _command: {"pong": "mine"})

    assert server.wait_done(server.send("ping"))["result"] == {"pong": "mine"}


def test_a_handler_must_take_the_command(make_agent: Callable[..., Agent]) -> None:
    with pytest.raises(TypeError, match="only argument"):
        make_agent().command("say")(lambda: None)  # type: ignore[misc]


def test_nonsense_in_place_of_commands_is_left_alone(server: FakeServer, start: Callable[..., Agent]) -> None:
    server.fail("/commands", status=200, body=b'{"commands": [7, {"id": null}, {"type": "x"}], "count": 3}')
    server.fail("/commands", status=200, body=b'{"commands": "none"}')
    server.fail("/commands", status=200, body=b"<html>")
    start({"options": HASTE})

    assert server.wait_done(server.send("ping"))["status"] == "completed"
