"""`kztasks janitor`: what schedulers remove by and by, looked at or done at once."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kztasks.cli.store import opened_store
from kztasks.scheduler.janitor import Janitor
from kztasks.scheduler.sweep import Retention, Sweeper, Swept

command = typer.Typer(add_completion=False)

_MEANINGS = {
    "logs": "tasks whose log goes",
    "files": "tasks whose files go",
    "tasks": "tasks that go as a whole",
    "left_behind": "notes of what a crash may have left, to be looked at",
    "audit": "entries of the audit log",
}


@command.command()
def janitor(
    now: Annotated[bool, typer.Option("--now", help="Make a round at once.")] = False,  # noqa: FBT002
    dry_run: Annotated[  # noqa: FBT002
        bool, typer.Option("--dry-run", help="Say what is due, and remove nothing.")
    ] = False,
) -> None:
    """Remove what was kept for as long as is set, and what crashes have left behind.

    Schedulers do so by themselves; this is for those who cannot wait, or want to know before.
    """
    if now == dry_run:
        raise typer.BadParameter("give one of --now and --dry-run")
    found = asyncio.run(_due() if dry_run else _swept())
    if found is None:
        sys.stdout.write("a scheduler makes a round at this moment\n")
        return
    table = Table("what", "due" if dry_run else "removed", "meaning")
    for name, count in asdict(found).items():
        table.add_row(name, str(count), _MEANINGS[name])
    Console(width=None if sys.stdout.isatty() else 120).print(table)


async def _due() -> Swept:
    async with opened_store() as (store, settings):
        sweeper = Sweeper(store, Retention.of(settings), _go_on)
        return await sweeper.due(await store.retention.now())


async def _swept() -> Swept | None:
    async with opened_store() as (store, settings):
        janitor = Janitor(
            store, Retention.of(settings), interval_s=settings.janitor_interval_s, pause_s=0.0
        )
        return await janitor.make_round(await store.retention.round())


async def _go_on() -> None:
    """No pause."""
