"""`kztasks api`: the HTTP front."""

from __future__ import annotations

import typer

from kztasks.cli.process import log_as, settings_or_exit
from kztasks.processes.api import run_api
from tasks_bindings.tuning import run_process

command = typer.Typer(add_completion=False)


@command.command()
def api() -> None:
    """Serve the HTTP API (any number of these may run)."""
    settings = settings_or_exit({})
    log_as("api", settings)
    run_process(run_api(settings))
