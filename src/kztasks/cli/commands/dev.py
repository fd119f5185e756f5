"""`kztasks dev`: everything in one process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kztasks.cli.process import log_as, settings_or_exit
from kztasks.processes.dev import SAMPLE_APPS, developing
from kztasks.processes.sample import greeting, next_steps, run_sample
from kztasks.processes.signals import stop_event
from kztasks.settings import Settings
from tasks_bindings.tuning import run_process

command = typer.Typer(add_completion=False)

_console = Console(stderr=True)


@command.command()
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
    settings = settings_or_exit({name: one for name, one in given.items() if one is not None})
    log_as("dev", settings, quiet=True)
    ok = run_process(_dev(settings, apps or list(SAMPLE_APPS), once=once, sample=not no_sample))
    sys.exit(0 if ok else 1)


async def _dev(settings: Settings, apps: list[str], *, once: bool, sample: bool) -> bool:
    stop = stop_event()
    ok = True
    async with developing(settings, apps) as site:
        _console.print(greeting(site), highlight=False, soft_wrap=True)
        if sample:
            running = asyncio.ensure_future(run_sample(site, _console))
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                running.cancel()
                return False
            ok = running.result()
        if not once:
            _console.print(next_steps(site), highlight=False, soft_wrap=True)
            await stop.wait()
    return ok
