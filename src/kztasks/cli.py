"""The command `kztasks`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from kztasks.accounts_cli import accounts
from kztasks.errors import KztasksError
from kztasks.janitor_cli import janitor
from kztasks.output_cli import output
from kztasks.processes.api import run_api
from kztasks.processes.dev import SAMPLE_APPS, developing
from kztasks.processes.sample import greeting, next_steps, run_sample
from kztasks.processes.scheduler import run_scheduler
from kztasks.processes.signals import stop_event
from kztasks.protocol_cli import asyncapi
from kztasks.run_time import RunTimeSettings
from kztasks.settings import Settings
from kztasks.triggers_cli import triggers
from tasks_bindings.errors import BindingsError
from tasks_bindings.logs import configure_logging
from tasks_bindings.sdk.load import load_app
from tasks_bindings.sdk.process import EXIT_MISCONFIGURED
from tasks_bindings.sdk.process import main as run_app_process
from tasks_bindings.settings import wrong_settings
from tasks_bindings.tuning import run_process

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(accounts, name="accounts")
app.add_typer(output, name="output")
app.add_typer(triggers, name="triggers")
app.command()(asyncapi)
app.command()(janitor)

console = Console(stderr=True)


def main() -> None:
    """Run the command line; errors of the product are one sentence, not a traceback."""
    try:
        app()
    except (KztasksError, BindingsError) as error:
        console.print(f"[red]{error.code}[/red]: {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def dev(
    port: Annotated[int | None, typer.Option(help="Port to serve; default 8000.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where data is kept; default var.")] = None,
    apps: Annotated[
        list[str] | None, typer.Option("--app", help="MODULE:APP instead of the sample apps.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the sample job.")] = False,  # noqa: FBT002
    no_sample: Annotated[  # noqa: FBT002
        bool, typer.Option("--no-sample", help="Do not run the sample job first.")
    ] = False,
) -> None:
    """Everything in one process: HTTP front, scheduler, sample apps, embedded database."""
    given = {"http_port": port, "data_folder": folder}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    _log_as("dev", settings, quiet=True)
    ok = run_process(_dev(settings, apps or list(SAMPLE_APPS), once=once, sample=not no_sample))
    sys.exit(0 if ok else 1)


@app.command()
def api() -> None:
    """Serve the HTTP API (any number of these may run)."""
    settings = _settings({})
    _log_as("api", settings)
    run_process(run_api(settings))


@app.command()
def scheduler() -> None:
    """Run tasks (any number of these may run; each task is run by one of them)."""
    settings = _settings({})
    _log_as("scheduler", settings)
    run_process(run_scheduler(settings))


@app.command("app")
def app_process(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Such as apps.skel:app.")],
) -> None:
    """Run an instance of an app (the same as `python -m tasks_bindings MODULE:APP`)."""
    run_app_process(load_app(target))


@app.command()
def config() -> None:
    """List every setting with its value, default and meaning; secrets are masked."""
    settings = _settings({})
    table = Table("variable", "value", "default", "meaning")
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        value = getattr(settings, name)
        table.add_row(f"KZTASKS_{name.upper()}", str(value), str(default), field.description or "")
    for name, field in RunTimeSettings.model_fields.items():
        table.add_row(f"tasks.{name}", "(database)", str(field.default), field.description or "")
    Console().print(table)


async def _dev(settings: Settings, apps: list[str], *, once: bool, sample: bool) -> bool:
    stop = stop_event()
    ok = True
    async with developing(settings, apps) as site:
        console.print(greeting(site), highlight=False, soft_wrap=True)
        if sample:
            running = asyncio.ensure_future(run_sample(site, console))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                running.cancel()
                return False
            ok = running.result()
        if not once:
            console.print(next_steps(site), highlight=False, soft_wrap=True)
            await stop.wait()
    return ok


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        for name, why in wrong_settings(error):
            console.print(f"[red]{name}[/red]: {why}", highlight=False)
        sys.exit(EXIT_MISCONFIGURED)


def _log_as(service: str, settings: Settings, *, quiet: bool = False) -> None:
    explicit = "log_level" in settings.model_fields_set
    configure_logging(
        json=settings.log_format == "json",
        level="warning" if quiet and not explicit else settings.log_level,
        fixed={"service": service, "node": settings.node},
    )
