"""`kztasks asyncapi`: the bindings protocol for other languages' tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tasks_bindings.wire.asyncapi import asyncapi_document, document_files, to_text

command = typer.Typer(add_completion=False)


@command.command()
def asyncapi(
    folder: Annotated[
        Path | None, typer.Option(help="Write it and the JSON Schemas there instead.")
    ] = None,
) -> None:
    """Print the AsyncAPI 3.0 document of the bindings protocol."""
    if folder is None:
        sys.stdout.write(to_text(asyncapi_document()))
        return
    for name, text in document_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
