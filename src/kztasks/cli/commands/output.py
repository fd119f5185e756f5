"""`kztasks output`: outputs whose upload was given up when their task ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import typer
from rich.console import Console

from kztasks.cli.store import opened_store
from kztasks.domain.output import output_parts
from kztasks.domain.task import Task
from kztasks.errors import Conflict, LogBroken, NotFound
from kztasks.scheduler.redeliver import end_of, redeliver
from kztasks.store.interface import Store
from tasks_bindings.logs import configure_logging

command = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Outputs that could not be stored when their task ended.",
)

PAGE: Final = 50

_TaskId = Annotated[str, typer.Argument(metavar="TASK_ID")]

_console = Console(stderr=True)


@command.command("retry")
def retry(
    task_id: Annotated[str | None, typer.Argument(metavar="[TASK_ID]")] = None,
    every: Annotated[  # noqa: FBT002
        bool, typer.Option("--all", help="All tasks whose output is not stored.")
    ] = False,
) -> None:
    """Store out.csv from the task's log, and set the status that the task would have had.

    Exit status 1 if any output could not be stored.
    """
    if (task_id is None) != every:
        raise typer.BadParameter("give either TASK_ID or --all")
    sys.exit(0 if asyncio.run(_retry(task_id)) else 1)


@command.command("print")
def print_output(task_id: _TaskId) -> None:
    """Write out.csv to standard output, from the task's log, which is not changed."""
    asyncio.run(_print(task_id))


async def _retry(task_id: str | None) -> bool:
    """Whether all of them were stored."""
    async with _store() as store:
        if task_id is not None:
            return await _redeliver(store, await _task(store, task_id))
        outcomes = [await _redeliver(store, task) async for task in _all(store)]
    _console.print(f"{sum(outcomes)} of {len(outcomes)} outputs were stored", highlight=False)
    return all(outcomes)


async def _redeliver(store: Store, task: Task) -> bool:
    try:
        file = await redeliver(store, task)
    except (Conflict, LogBroken) as error:
        _console.print(f"[red]{error.code}[/red]: {error}", highlight=False, soft_wrap=True)
        return False
    sys.stdout.write(f"{task.id} {file.size} bytes\n")
    return True


async def _print(task_id: str) -> None:
    async with _store() as store:
        head = await end_of(store, await _task(store, task_id))
        async for part in output_parts(store.log.records(task_id), head):
            await asyncio.to_thread(sys.stdout.buffer.write, part)
        await asyncio.to_thread(sys.stdout.buffer.flush)


async def _all(store: Store) -> AsyncIterator[Task]:
    after = ""
    while tasks := await store.aftermath.without_output(after=after, limit=PAGE):
        for task in tasks:
            if task.is_output_in_log:
                yield task
        after = tasks[-1].id


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    async with opened_store() as (store, settings):
        fixed = {"service": "output", "node": settings.node}
        configure_logging(json=settings.log_format == "json", level="warning", fixed=fixed)
        yield store


async def _task(store: Store, task_id: str) -> Task:
    task = await store.tasks.get(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    return task
