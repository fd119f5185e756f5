"""The app: which function runs at which trigger."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from apps.housekeeping.balances import next_warning
from apps.housekeeping.databases import Databases
from apps.housekeeping.errors import NotOpen
from apps.housekeeping.settings import Settings
from tasks_bindings import ALL_DBS, App, Environment, Trigger

app = App("housekeeping")

_log = structlog.get_logger(__name__)

GREGORIAN_AT_UNIX_EPOCH: Final = 62_167_219_200
"""Seconds of Kazoo's calendar before 1970-01-01."""


class Keeper:
    """What a process has open: the databases, and the settings."""

    def __init__(self) -> None:
        self._opened: tuple[Databases, Settings] | None = None

    def open(self, environment: Environment) -> None:
        """Raises `Misconfigured` where a setting makes no sense."""
        settings = Settings.of(environment)
        self._opened = Databases(settings.mongo_url, settings.accounts_database), settings

    def close(self) -> None:
        """Let go of the connections."""
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    @property
    def opened(self) -> tuple[Databases, Settings]:
        """Raises `NotOpen` before the start hook."""
        if self._opened is None:
            raise NotOpen("databases are opened by the app's start hook, which has not run")
        return self._opened


_keeper = Keeper()


@app.on_start
async def open_databases(environment: Environment) -> None:
    """Read the settings; the databases need not be there yet."""
    _keeper.open(environment)


@app.on_stop
async def close_databases(_environment: Environment) -> None:
    """Let go of the connections."""
    _keeper.close()


@app.trigger(*ALL_DBS)
async def clean_up(database: str) -> None:
    """Remove what is marked as deleted (`pvt_deleted`), in small steps with a pause between them.

    The original's `kt_cleanup`. A database with more than fits into one pass is done in several.
    """
    databases, settings = _keeper.opened
    if settings.databases.fullmatch(database) is None:
        return
    limit, removed, steps, found = settings.step_documents, 0, 0, 0
    for collection in await databases.collections(database):
        is_done = False
        while not is_done and steps < settings.most_steps:
            if found:
                await asyncio.sleep(settings.pause_s)
            found = await databases.remove_deleted(database, collection, limit=limit)
            removed, steps, is_done = removed + found, steps + bool(found), found < limit
    if removed:
        is_all = steps < settings.most_steps
        _log.info("database_cleaned", database=database, removed=removed, is_all=is_all)


@app.trigger(Trigger.DAY)
async def warn_of_low_balances() -> None:
    """Write a warning for each account whose balance is low, and repeat it after a while.

    The original's `kt_low_balance`. A warning goes when the balance is good again.
    """
    databases, settings = _keeper.opened
    now = GREGORIAN_AT_UNIX_EPOCH + int(time.time())
    async for account in databases.accounts():
        if not account.is_low(settings.threshold):
            await databases.forget_warning(account.id)
            continue
        before = await databases.warned(account.id)
        warning = next_warning(account, before, now=now, repeat_s=settings.repeat_s)
        if warning is not None and await databases.warn(before, warning):
            _log.warning("balance_is_low", account_id=account.id, times=warning.times)
