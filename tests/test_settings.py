"""Settings as they come from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from botyard.settings import Settings


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTYARD_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("BOTYARD_TOKEN_KEY_FILE", "keys/new.pem,keys/old.pem")

    settings = Settings(_env_file=None)

    assert settings.allowed_origins == ["https://a.example", "https://b.example"]
    assert settings.token_key_file == [Path("keys/new.pem"), Path("keys/old.pem")]


@pytest.mark.parametrize("address", ["", "https://bots.example.org", "http://[::1]:8000/below/"])
def test_the_public_address_is_one_of_the_web(address: str) -> None:
    assert Settings(_env_file=None, public_url=address).public_url == address


@pytest.mark.parametrize(
    "address",
    ["foo", "bots.example.org", "ftp://bots.example.org", "https://", "http://a:b", "https://a?b=c"],
)
def test_any_other_public_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ValidationError, match=r"it looks like https://bots\.example\.org"):
        Settings(_env_file=None, public_url=address)


def test_an_empty_list_is_one_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTYARD_TOKEN_KEY_FILE", "")

    assert Settings(_env_file=None).token_key_file == []
