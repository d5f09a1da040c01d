"""Joining, being present, leaving, and being told to stay away."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from botyard_agent import Agent, JoinRefused, Options, StateInUse, TokenRejected
from tests.agents.fake_server import BOT, TOKEN, FakeServer


def test_an_agent_says_what_it_can_do_and_takes_its_settings(server: FakeServer, agent: Agent) -> None:
    hello = server.calls_to("/hello")[0].json

    assert {"ping", "stop", "restart", "drain", "reload-settings", "log-level"} <= set(hello["capabilities"])
    assert hello["version"].startswith("botyard-agent/")
    assert agent.settings == {"greeting": "hello"}
    assert agent.name == "Echo"


def test_the_bot_id_comes_out_of_the_token(agent: Agent) -> None:
    assert agent.bot_id == BOT


def test_a_stopped_agent_says_bye(server: FakeServer, agent: Agent) -> None:
    agent.stop()

    assert server.calls[-1].path.endswith("/bye")
    assert not server.online


def test_a_silent_agent_sends_signs_of_life(server: FakeServer, make_agent: Callable[..., Agent]) -> None:
    make_agent(options=Options(presence_s=0.02, wait_s=5.0)).start()

    server.wait_for(lambda: len([c for c in server.calls if c.path.endswith("/heartbeat")]) >= 3)


def test_other_calls_are_sign_of_life_enough(server: FakeServer, agent: Agent) -> None:
    agent.log("here I am")
    assert agent.flush()

    assert server.calls_to("/heartbeat") == []


def test_a_rejected_token_stops_the_agent_with_a_clear_message(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    server.token = "another one"
    agent = make_agent()

    with pytest.raises(TokenRejected, match=r"does not accept this bot's token .* take the current token"):
        agent.run()
    assert len(server.calls) == 1


def test_a_token_replaced_while_running_stops_the_agent_and_keeps_what_waits(
    server: FakeServer, make_agent: Callable[..., Agent], agent: Agent
) -> None:
    server.token = "another one"
    agent.log("written after the token was replaced")

    assert agent.wait_stopped(10)
    assert isinstance(agent.error, TokenRejected)

    server.token = TOKEN
    make_agent().start()
    server.wait_for(lambda: server.texts() == ["written after the token was replaced"])


def test_an_unknown_bot_id_stops_the_agent(make_agent: Callable[..., Agent]) -> None:
    with pytest.raises(JoinRefused, match="no such bot"):
        make_agent(bot_id="bot_other").run()


def test_an_address_that_is_no_botyard_server_stops_the_agent(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    server.fail("/hello", status=200, body=b"<html>Welcome to the hotel</html>")

    with pytest.raises(JoinRefused, match="not as a Botyard server"):
        make_agent().run()


def test_a_redirect_is_told_with_its_target(server: FakeServer, make_agent: Callable[..., Agent]) -> None:
    server.fail("/hello", status=308, headers={"Location": "https://bots.example/manager"})

    with pytest.raises(JoinRefused, match=r"https://bots\.example/manager"):
        make_agent().run()


def test_joining_waits_for_a_server_that_is_starting(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    server.fail("/hello", status=503, times=3)

    assert make_agent().start().wait_joined(10)


def test_an_agent_starts_while_the_server_is_away_and_joins_when_it_comes(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    server.down()
    agent = make_agent().start()
    agent.log("said before anyone listened")

    server.up()

    server.wait_for(lambda: server.texts() == ["said before anyone listened"])


def test_an_agent_greets_a_server_that_was_away_again(server: FakeServer, agent: Agent) -> None:
    server.settings = {"greeting": "hi"}
    renewed = threading.Event()
    agent.on_settings(lambda _settings: renewed.set())
    # an answer that is lost on a connection that was used before is asked for again at once; twice is an outage
    server.fail("/logs", lose_answer=True, times=2)

    agent.log("x")

    assert renewed.wait(10)
    assert agent.settings == {"greeting": "hi"}


def test_settings_listeners_hear_of_new_settings(
    server: FakeServer, make_agent: Callable[..., Agent]
) -> None:
    heard: list[object] = []
    agent = make_agent()
    agent.on_settings(lambda settings: heard.append(dict(settings)))
    agent.start()
    assert agent.wait_joined(10)
    server.settings = {"speed": 3}

    server.wait_done(server.send("reload-settings"))

    assert heard == [{"greeting": "hello"}, {"speed": 3}]


def test_a_second_agent_on_the_same_state_is_refused(make_agent: Callable[..., Agent], agent: Agent) -> None:
    with pytest.raises(StateInUse, match="Another agent is running on"):
        make_agent().start()


def test_damaged_state_is_set_aside_and_told(
    server: FakeServer, make_agent: Callable[..., Agent], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "agent.db").write_bytes(b"this is no database " * 500)

    make_agent().start()

    server.wait_for(lambda: any("set aside" in text for text in server.texts()))
    assert (tmp_path / "state" / "agent.broken").exists()


def test_an_agent_needs_an_address_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTYARD_URL", raising=False)
    monkeypatch.delenv("BOTYARD_BOT_TOKEN", raising=False)

    with pytest.raises(ValueError, match="BOTYARD_BOT_TOKEN"):
        Agent("http://localhost:8000/manager")
    with pytest.raises(ValueError, match="bot_id"):
        Agent("http://localhost:8000/manager", "a token of another form")
    with pytest.raises(ValueError, match="not an http or https address"):
        Agent("ftp://localhost/manager", TOKEN)
