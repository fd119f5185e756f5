"""Has the rows of a CSV verified by the app that would run them, while the CSV streams in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from kztasks.api.catalogue import TaskKind
from kztasks.api.deps import Verifier
from kztasks.csvio import Row, Rows
from kztasks.errors import AppUnavailable
from tasks_bindings.errors import BusError, MessageTooLarge, WireError
from tasks_bindings.wire.verification import CellFailure, Verify, VerifyReply

_log = structlog.get_logger(__name__)

MOST_SHOWN: Final = 100
"""So many failing cells are told; all are counted."""
MOST_ROWS: Final = 1000
MOST_BYTES: Final = 256 * 1024
"""What one message holds at most, in bytes of input, and a row more."""
IN_FLIGHT: Final = 4
"""Messages of one CSV that are on their way at the same time."""
ALL_IN_FLIGHT: Final = 32
"""The same of all CSVs together, so that the batches of tasks do not wait long behind them."""


@dataclass(slots=True)
class Verdict:
    """What was found, in the order of the rows."""

    failed_rows: int = 0
    failed_cells: int = 0
    failures: list[CellFailure | UnsendableRow] = field(default_factory=list)
    is_cut: bool = False
    """A task would end at the last of these rows; what follows is of no interest."""

    def add(self, found: Verdict) -> None:
        """Take in what was found in the rows that follow."""
        if self.is_cut:
            return
        self.is_cut = found.is_cut
        self.failed_rows += found.failed_rows
        self.failed_cells += found.failed_cells
        self.failures += found.failures[: MOST_SHOWN - len(self.failures)]


@dataclass(frozen=True, slots=True)
class UnsendableRow:
    """A row that fits into no message, at which its task would end."""

    row: int


class Verifications:
    """Verifies CSVs, several at a time.

    Args:
        verifier: the way to the apps.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._places = asyncio.Semaphore(ALL_IN_FLIGHT)

    @asynccontextmanager
    async def of(self, kind: TaskKind) -> AsyncIterator[Verification]:
        """Verify one CSV for an action; what is on its way at the end is given up."""
        verification = Verification(self._verifier, self._places, kind)
        try:
            yield verification
        finally:
            await verification.give_up()


class Verification:
    """The verification of one CSV. It holds a few messages' worth of rows at most.

    Args:
        verifier: the way to the apps.
        places: of all verifications together.
        kind: the action whose rows they are.
    """

    def __init__(self, verifier: Verifier, places: asyncio.Semaphore, kind: TaskKind) -> None:
        self._verifier = verifier
        self._places = places
        self._kind = kind
        self._app = ""
        self._can_verify: bool | None = None
        self._columns: tuple[str, ...] = ()
        self._waiting: list[Row] = []
        self._waiting_bytes = 0
        self._next_row = 1
        self._running: deque[asyncio.Task[Verdict]] = deque()
        self._verdict = Verdict()

    async def take(self, columns: tuple[str, ...], rows: Rows) -> None:
        """Take in the next rows; returns when there is room for more.

        Args:
            columns: of the CSV, the same at each call.
            rows: some hundreds.

        Raises:
            AppUnavailable: no app verified rows of before.
        """
        if self._can_verify is None:
            self._columns = columns
            self._can_verify = await self._find_app()
        if not self._can_verify or self._verdict.is_cut:
            return
        self._waiting += rows.rows
        self._waiting_bytes += rows.size_of(len(rows))
        while len(self._waiting) >= MOST_ROWS or self._waiting_bytes >= MOST_BYTES:
            await self._send()

    async def finish(self) -> Verdict | None:
        """What was found in all rows; `None` where no app can verify them.

        Raises:
            AppUnavailable: no app verified them.
        """
        if self._waiting:
            await self._send()
        while self._running:
            await self._collect()
        return self._verdict if self._can_verify is not False else None

    async def give_up(self) -> None:
        """Wait for no answer any more."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _send(self) -> None:
        if len(self._running) == IN_FLIGHT:
            await self._collect()
        rows, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
        if not self._waiting:
            self._waiting_bytes = 0
        self._running.append(asyncio.create_task(self._verify(rows, self._next_row)))
        self._next_row += len(rows)

    async def _collect(self) -> None:
        self._verdict.add(await self._running[0])
        self._running.popleft()

    async def _verify(self, rows: list[Row], first_row: int) -> Verdict:
        """Verify some rows, however many times an app has to be asked for it."""
        verdict, most = Verdict(), len(rows)
        while rows:
            left = MOST_SHOWN - len(self._verdict.failures) - len(verdict.failures)
            request = Verify(
                category=self._kind.category,
                action=self._kind.action,
                columns=self._columns,
                rows=rows[:most],
                first_row=first_row,
                max_failures=max(0, left),
            )
            try:
                reply = await self._answer(request)
            except MessageTooLarge:
                if most > 1:
                    most = (most + 1) // 2
                    continue
                verdict.add(Verdict(1, 1, [UnsendableRow(first_row)], is_cut=True))
                break
            verdict.add(Verdict(reply.failed_rows, reply.failed_cells, [*reply.failures]))
            rows, first_row = rows[reply.rows :], first_row + reply.rows
        return verdict

    async def _answer(self, request: Verify) -> VerifyReply:
        """An app's answer; asks a second time, perhaps another app, when the first one is lost."""
        async with self._places:
            try:
                return await self._verifier.verify(self._app, request)
            except MessageTooLarge:
                raise
            except (BusError, WireError) as error:
                _log.warning("rows_not_verified", app=self._app, code=error.code, why=str(error))
            if not await self._find_app():
                raise AppUnavailable("the apps that are left cannot verify")
            try:
                return await self._verifier.verify(self._app, request)
            except (BusError, WireError) as error:
                raise AppUnavailable(f"the rows were not verified: {error}") from error

    async def _find_app(self) -> bool:
        kind = self._kind
        try:
            app = await self._verifier.app_for(kind.category, kind.action, kind.metadata)
        except (BusError, WireError) as error:
            raise AppUnavailable(f"no app was found: {error}") from error
        self._app = app or self._app
        return app is not None
