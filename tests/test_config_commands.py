"""`botyard config`: settings from the server's own shell."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from botyard import cli
from botyard.core.config.errors import SettingRefused
from botyard.kit.db import Stores

Run = Callable[..., Result]


@pytest.fixture
def botyard(stores: Stores, tmp_path: Path) -> Run:
    """botyard("list", input="…") runs `botyard config list` on this test's stores."""
    url = "" if stores.embedded else stores.main.render_as_string(hide_password=False)
    runner = CliRunner(env={"BOTYARD_DATA_DIR": str(tmp_path / "data"), "BOTYARD_DATABASE_URL": url})

    def run(*words: str, code: int = 0, **more: str) -> Result:
        result = runner.invoke(cli.app, ["config", *words], **more)  # type: ignore[arg-type]  # only input
        assert result.exit_code == code, result.output
        return result

    return run


def test_values_are_json_or_text(botyard: Run) -> None:
    botyard("set", "mailer", "retries", "3")
    botyard("set", "mailer", "sender", "a@example.org")
    assert botyard("list", "mailer").output == 'retries = 3\nsender = "a@example.org"\n'
    assert botyard("get", "mailer", "retries").output == "3\n"
    botyard("set", "mailer", "retries", "null")
    botyard("get", "mailer", "retries", code=1)
    assert "mailer: 1 settings" in botyard("list").output


def test_a_change_can_be_taken_back(botyard: Run) -> None:
    botyard("set", "botyard", "registration", "closed")
    assert 'command line  botyard registration: null -> "closed"' in botyard("history").output
    botyard("undo", "1")
    assert botyard("get", "botyard", "registration").output == '"open"\n'
    assert len(botyard("history", "botyard", "--limit", "1").output.splitlines()) == 1


def test_a_wrong_value_is_refused_with_a_sentence(botyard: Run) -> None:
    refused = botyard("set", "botyard", "registration", "perhaps", code=1).exception
    assert isinstance(refused, SettingRefused)  # `main` prints it and ends with code 2
    botyard("set", "mailer", "key", code=2)
    botyard("set", "mailer", "key", "value", "--secret", code=2)


def test_a_number_that_no_store_keeps_is_refused(botyard: Run) -> None:
    for number in ("9223372036854775808", "18446744073709551615"):
        refused = botyard("set", "mailer", "limit", number, code=1).exception
        assert "more than 64 bits" in str(refused)
    botyard("set", "mailer", "limit", "9223372036854775807")
    assert botyard("get", "mailer", "limit").output == "9223372036854775807\n"


def test_a_secret_is_asked_for_and_not_shown(botyard: Run) -> None:
    said = botyard("set", "mailer", "key", "--secret", input="planted\nplanted\n").output
    said += botyard("list", "mailer").output + botyard("history").output
    assert "planted" not in said
    assert '{"$secret": {"version": 1}}' in said
