"""`kztasks triggers`: what is bound to triggers, what fired, and one now."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from kztasks.api.headless.triggers import PREFIX, next_firing
from kztasks.cli.store import opened_store
from kztasks.domain.cron import PERIOD_S
from kztasks.domain.firing import DATABASES, Firing, TriggerState
from kztasks.domain.gregorian import to_unix
from kztasks.errors import Conflict, NotFound
from kztasks.run_time import run_time_settings
from kztasks.store.interface import Store

command = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Triggers: what is bound, and what fired."
)

_Name = Annotated[str, typer.Argument(metavar="TRIGGER", help="Such as day, or databases.")]
_CRON: Final = frozenset(trigger.value for trigger in PERIOD_S)


@command.command("list")
def show_all() -> None:
    """Each trigger with the apps that are bound to it, its last firing and its next one."""
    asyncio.run(_show_all())


@command.command("show")
def show(
    name: _Name, limit: Annotated[int, typer.Option(min=1, max=1000, help="Firings.")] = 20
) -> None:
    """The last firings of a trigger, with each call."""
    asyncio.run(_show(name, limit))


@command.command("fire")
def fire(name: _Name) -> None:
    """Fire a trigger now; a scheduler does so within a second."""
    asyncio.run(_fire(name))


@command.command("forget")
def forget(
    name: _Name, app: Annotated[str, typer.Argument(help="One that is gone for good.")]
) -> None:
    """Forget that an app is bound to a trigger; one that runs is bound again at once."""
    asyncio.run(_forget(name, app))


async def _show_all() -> None:
    table = Table("trigger", "apps, in order", "last", "outcome", "took", "next")
    async with opened_store() as (store, _):
        interval_s = (await run_time_settings(store)).browse_dbs_interval_s
        for state in await store.triggers.states():
            found = await store.triggers.firings(state.key, limit=1)
            following = next_firing(state, time.time(), interval_s)
            table.add_row(
                state.key.removeprefix(PREFIX),
                ", ".join(state.apps),
                *_last(found),
                _utc(to_unix(following)) if following is not None else "",
            )
    Console().print(table)


async def _show(name: str, limit: int) -> None:
    table = Table("moment", "outcome", "late", "took", "calls", "what went wrong")
    async with opened_store() as (store, _):
        state = await _state(store, name)
        for firing in await store.triggers.firings(state.key, limit=limit):
            table.add_row(
                _utc(firing.instant),
                firing.outcome.value,
                f"{firing.late_s:.1f} s",
                f"{firing.took_ms} ms",
                str(firing.made),
                "\n".join(_wrong(firing)),
            )
    Console().print(table)


async def _fire(name: str) -> None:
    async with opened_store() as (store, _):
        state = await _state(store, name)
        if state.key != DATABASES and state.key not in _CRON:
            raise Conflict("database triggers fire in a pass: kztasks triggers fire databases")
        if not await store.triggers.request(state.key, secrets.token_hex(8)):
            raise Conflict("it has been asked for already; does a scheduler run?")


async def _forget(name: str, app: str) -> None:
    async with opened_store() as (store, _):
        if not await store.triggers.unbind((await _state(store, name)).key, app):
            raise NotFound(f"{app} is not bound to {name}")


async def _state(store: Store, name: str) -> TriggerState:
    for state in await store.triggers.states():
        if state.key == PREFIX + name.removeprefix(PREFIX):
            return state
    raise NotFound(f"nothing was ever bound to a trigger {name}")


def _last(found: Sequence[Firing]) -> tuple[str, str, str]:
    if not found:
        return "", "", ""
    return _utc(found[0].instant), found[0].outcome.value, f"{found[0].took_ms} ms"


def _wrong(firing: Firing) -> list[str]:
    lines = [
        f"{call.handler.app} {call.handler.name} {call.database or ''}: "
        f"{call.outcome.value} ({call.error})"
        for call in firing.calls
        if not call.outcome.is_good
    ]
    return [firing.reason, *lines] if firing.reason is not None else lines


def _utc(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unix))
