"""Verify rows as a batch of them would, and do nothing else: no handler, no `Data`, no memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.batch import MAX_LOOP_HOLD_S
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.guard import BadField, Guard
from tasks_bindings.wire.messages import AppIdentity
from tasks_bindings.wire.verification import (
    MAX_VALUE_CHARS,
    CellFailure,
    Rule,
    Verify,
    VerifyReply,
)

_SENTENCES: Final = {
    Rule.MANDATORY: "a mandatory column needs a value",
    Rule.VERIFIER: "the verifier of the column refuses this value",
    Rule.VERIFIER_CRASHED: "the verifier of the column crashed on this value",
}


class VerifyRun:
    """One run over the rows of one request.

    Args:
        request: the rows.
        action: what they are meant for.
        category: the action's category, for its verifiers.
    """

    def __init__(self, request: Verify, action: Action, category: Category) -> None:
        self._request = request
        self._is_async = action.is_async
        self._guard = Guard.of(action, category, request.columns)
        self._rows = self._failed_rows = self._failed_cells = 0
        self._failures: list[CellFailure] = []

    async def execute(self, identity: AppIdentity) -> VerifyReply:
        """Verify where the handler would run: on the event loop if it is async, else in a thread.

        Args:
            identity: of the process, for the reply.
        """
        if self._is_async:
            await self._on_the_loop()
        else:
            await asyncio.to_thread(self._in_a_thread)
        return VerifyReply(
            app=identity,
            rows=self._rows,
            failed_rows=self._failed_rows,
            failed_cells=self._failed_cells,
            failures=tuple(self._failures),
        )

    def _in_a_thread(self) -> None:
        for _ in self._steps():
            pass

    async def _on_the_loop(self) -> None:
        yielded = time.monotonic()
        for now in self._steps():
            if now - yielded > MAX_LOOP_HOLD_S:
                await asyncio.sleep(0)
                yielded = time.monotonic()

    def _steps(self) -> Iterator[float]:
        """Verify row by row until the time is up; the time after each."""
        deadline = time.monotonic() + self._request.work_ms / 1000
        for number, cells in enumerate(self._request.rows, self._request.first_row):
            if bad := self._guard.bad_fields(cells):
                self._note(number, bad)
            self._rows += 1
            now = time.monotonic()
            if now >= deadline:
                return
            yield now

    def _note(self, number: int, bad: list[BadField]) -> None:
        self._failed_rows += 1
        self._failed_cells += len(bad)
        left = self._request.max_failures - len(self._failures)
        self._failures += [_failure(number, one) for one in bad[:left]]


def _failure(number: int, bad: BadField) -> CellFailure:
    value = bad.value
    if value is not None and len(value) > MAX_VALUE_CHARS:
        value = value[: MAX_VALUE_CHARS - 1] + "…"
    return CellFailure(
        row=number,
        column=bad.column,
        value=value,
        rule=bad.rule.value,
        message=_SENTENCES[bad.rule],
    )
