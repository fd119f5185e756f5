"""`kztasks scheduler`: what runs tasks."""

from __future__ import annotations

import typer

from kztasks.cli.process import log_as, settings_or_exit
from kztasks.processes.scheduler import run_scheduler
from tasks_bindings.tuning import run_process

command = typer.Typer(add_completion=False)


@command.command()
def scheduler() -> None:
    """Run tasks (any number of these may run; each task is run by one of them)."""
    settings = settings_or_exit({})
    log_as("scheduler", settings)
    run_process(run_scheduler(settings))
