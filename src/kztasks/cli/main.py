"""The command `kztasks`."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from kztasks.cli.on_demand import CommandsOnDemand
from kztasks.errors import KztasksError
from tasks_bindings.errors import BindingsError

app = typer.Typer(
    cls=CommandsOnDemand,
    no_args_is_help=True,
    add_completion=False,
    help="Background jobs for Kazoo-style clusters.",
)


@app.callback()
def kztasks() -> None:
    """Background jobs for Kazoo-style clusters."""


def main() -> None:
    """Run the command line; errors of the product are one sentence, not a traceback."""
    try:
        app()
    except (KztasksError, BindingsError) as error:
        console = Console(stderr=True)
        console.print(f"[red]{error.code}[/red]: {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
