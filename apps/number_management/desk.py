"""Where rows are served: the rules applied to the table, on behalf of a caller.

A row may be run twice after a fault. The table remembers by the row's key what a row has made of a
number, so that the second run finds the answer of the first one instead of changing anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from apps.number_management.errors import NumbersError, TableUnavailable
from apps.number_management.number import Caller, Number, check_e164
from apps.number_management.settings import Settings
from apps.number_management.table import NumberTable
from tasks_bindings import Context, Environment

MAX_TRIES: Final = 10
"""Attempts at a number that others change at the same time."""
GREGORIAN_AT_UNIX_EPOCH: Final = 62_167_219_200
"""Seconds of Kazoo's calendar before 1970-01-01."""

Rule = Callable[[Number | None, Caller, int], Number]
"""(number as it is, who asks, now) to the number as it is to be; raises `NumberRefused`."""


class NotOpen(NumbersError):
    """A handler was called in a process whose start hook has not run."""

    code = "not_open"


class Desk:
    """One per process; opened when the app starts, closed when it has stopped."""

    def __init__(self) -> None:
        self._table: NumberTable | None = None
        self._master_account: str | None = None

    async def open(self, environment: Environment) -> None:
        """Connect to the table and wait until it answers.

        Raises:
            Misconfigured: a setting makes no sense.
            TableUnavailable: the database refuses.
        """
        settings = Settings.of(environment)
        table = NumberTable(settings.mongo_url, settings.database)
        try:
            await table.prepare()
        except BaseException:
            table.close()
            raise
        self._table, self._master_account = table, settings.master_account

    async def close(self, _environment: Environment) -> None:
        """Let go of the table."""
        if self._table is not None:
            self._table.close()
            self._table = None

    def caller(self, context: Context) -> Caller:
        """On whose behalf a row is run."""
        is_master = context.auth_account_id == self._master_account
        return Caller(context.account_id, context.auth_account_id, is_master)

    async def read(self, context: Context, e164: str | None, rule: Rule) -> Number:
        """A number as a rule lets the caller see it.

        Raises:
            NumberRefused: by the rule, or it can be no number.
        """
        stored = await self._opened.find(check_e164(e164))
        return rule(stored.number if stored is not None else None, self.caller(context), _now())

    async def change(self, context: Context, e164: str | None, rule: Rule) -> Number:
        """Apply a rule to a number; the number after it.

        Raises:
            NumberRefused: by the rule, or it can be no number.
            TableUnavailable: the database does not answer, or others keep changing the number.
        """
        number, caller, table = check_e164(e164), self.caller(context), self._opened
        for _ in range(MAX_TRIES):
            stored = await table.find(number)
            if stored is not None and context.key in stored.outcomes:
                return stored.outcomes[context.key]
            before = stored.number if stored is not None else None
            after = rule(before, caller, _now())
            if after == before or await table.save(stored, after, context.key):
                return after
        raise TableUnavailable(f"{number} was changed by others {MAX_TRIES} times over")

    async def page(self, after: str, *, limit: int, account_id: str | None = None) -> list[Number]:
        """Numbers in their order, as `NumberTable.page` gives them."""
        return await self._opened.page(after, limit=limit, account_id=account_id)

    @property
    def _opened(self) -> NumberTable:
        if self._table is None:
            raise NotOpen("the table is opened by the app's start hook, which has not run")
        return self._table


def _now() -> int:
    return GREGORIAN_AT_UNIX_EPOCH + int(time.time())
