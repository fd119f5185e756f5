"""Secrets come from files that the environment names, or the reason why not is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from kztasks.settings import Settings
from tasks_bindings.environment import MAX_SECRET_BYTES, secrets_of
from tasks_bindings.settings import AppSettings, wrong_settings

URL = "amqps://me:s%20cret@rabbit.example.org/kztasks"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in secrets_of(Settings):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the broker's address is read from."""
    path = tmp_path / "amqp-url"
    monkeypatch.setenv("KZTASKS_AMQP_URL_FILE", str(path))
    return path


@pytest.mark.parametrize("kind", [Settings, AppSettings])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_the_file_that_is_named(
    file: Path, kind: type[Settings | AppSettings], end: str
) -> None:
    file.write_bytes(f"{URL}{end}".encode())

    settings = kind()

    assert settings.amqp_url.get_secret_value() == URL
    assert settings.model_fields_set == {"amqp_url"}
    assert "rabbit.example.org" not in repr(settings)


def test_each_secret_may_be_in_a_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["KZTASKS_AMQP_URL", "KZTASKS_MONGO_URL", "KZTASKS_HTTP_METRICS_TOKEN"]
    for name in [*names, "KZTASKS_NODE"]:
        (tmp_path / name).write_text("mine@here")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))

    settings = Settings()

    assert secrets_of(Settings) == names
    assert settings.mongo_url.get_secret_value() == "mine@here"
    assert settings.http_metrics_token is not None
    assert settings.http_metrics_token.get_secret_value() == "mine@here"
    assert settings.node != "mine@here", "it is shown, so it is no secret"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: [Errno 2] No such file"),
        (b"", "cannot be read: it is empty"),
        (b"\n", "cannot be read: it is empty"),
        (b"amqp://\xff/", "cannot be read: 'utf-8' codec"),
        (b"x" * (MAX_SECRET_BYTES + 1), f"cannot be read: it has more than {MAX_SECRET_BYTES}"),
    ],
)
def test_a_file_without_a_secret_is_told(file: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ValidationError) as raised:
        Settings()

    [(name, said)] = wrong_settings(raised.value)
    assert name == "KZTASKS_AMQP_URL_FILE"
    assert said.startswith(why)


def test_a_secret_that_is_set_twice_is_told_and_not_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(URL)
    monkeypatch.setenv("KZTASKS_AMQP_URL", "amqp://other:s3cret@rabbit/")

    with pytest.raises(ValidationError) as raised:
        Settings()

    said = "KZTASKS_AMQP_URL is set too; which one is meant?"
    assert wrong_settings(raised.value) == [("KZTASKS_AMQP_URL_FILE", said)]
