"""Settings from the environment, and secrets from files that it names.

A variable can be read by whoever may look at the process, and is handed on to its children. Docker,
Kubernetes and systemd hand out secrets as files instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX: Final = "KZTASKS_"
FILE_SUFFIX: Final = "_FILE"
MAX_SECRET_BYTES: Final = 64 * 1024


class EnvironmentSettings(BaseSettings):
    """Settings from `KZTASKS_…`; a secret's variable may have `_FILE` after it and name a file.

    Raises:
        ValidationError: a setting is wrong, or the file of one cannot be read.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no such files are read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments go before the environment."""
        return init_settings, env_settings, SecretFiles(settings_cls)


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets that stand in files which the environment names."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._environment: Mapping[str, str | None] = EnvSettingsSource(settings_cls).env_vars
        """By names in lower case."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret, or `None` if no file is named for it.

        Raises:
            ValidationError: the file cannot be read, or the secret itself is in the environment
                too.
        """
        variable = _variable(field_name)
        path = self._environment.get((variable + FILE_SUFFIX).lower())
        if path is None or not is_secret(field):
            return None, field_name, False
        if variable.lower() in self._environment:
            raise _wrong(field_name, f"{variable} is set too; which one is meant?")
        try:
            return _read(Path(path)), field_name, False
        except (OSError, ValueError) as error:
            raise _wrong(field_name, f"cannot be read: {error}") from None

    def __call__(self) -> dict[str, Any]:
        """All that are there, by the names of their settings."""
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is never shown, and may be in a file."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def secrets_of(settings: type[BaseModel]) -> list[str]:
    """Variables that may name a file, without the suffix."""
    return [_variable(name) for name, field in settings.model_fields.items() if is_secret(field)]


def _variable(field_name: str) -> str:
    return f"{PREFIX}{field_name.upper()}"


def _read(path: Path) -> str:
    """What the file holds, without the end of line that editors and `echo` put there."""
    with path.open("rb") as file:
        content = file.read(MAX_SECRET_BYTES + 1)
    if len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"it has more than {MAX_SECRET_BYTES} bytes")
    secret = content.decode("utf-8").rstrip("\r\n")
    if not secret:
        raise ValueError("it is empty")
    return secret


def _wrong(field_name: str, why: str) -> ValidationError:
    error = PydanticCustomError("secret_file", "{why}", {"why": why})
    where = (field_name + FILE_SUFFIX.lower(),)
    details = InitErrorDetails(type=error, loc=where, input=None)
    return ValidationError.from_exception_data("settings", [details])
