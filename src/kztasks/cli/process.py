"""What commands that run a process begin with: its settings and its log."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from kztasks.settings import Settings
from tasks_bindings.logs import configure_logging
from tasks_bindings.sdk.process import EXIT_MISCONFIGURED
from tasks_bindings.settings import wrong_settings


def settings_or_exit(given: dict[str, Any]) -> Settings:
    """The settings of the environment, and those of the command line, which come first.

    Each wrong one is told, and ends the process with status 2.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        console = Console(stderr=True)
        for name, why in wrong_settings(error):
            console.print(f"[red]{name}[/red]: {why}", highlight=False)
        sys.exit(EXIT_MISCONFIGURED)


def log_as(service: str, settings: Settings, *, quiet: bool = False) -> None:
    """Log as is set; `quiet`: warnings alone, if no level is set."""
    explicit = "log_level" in settings.model_fields_set
    configure_logging(
        json=settings.log_format == "json",
        level="warning" if quiet and not explicit else settings.log_level,
        fixed={"service": service, "node": settings.node},
    )
