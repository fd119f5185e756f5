"""`kztasks app`: an instance of an app."""

from __future__ import annotations

from typing import Annotated

import typer

from tasks_bindings.sdk.load import load_app
from tasks_bindings.sdk.process import main

command = typer.Typer(add_completion=False)


@command.command()
def app(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Such as apps.skel:app.")],
) -> None:
    """Run an instance of an app (the same as `python -m tasks_bindings MODULE:APP`)."""
    main(load_app(target))
