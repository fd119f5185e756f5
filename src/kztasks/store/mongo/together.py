"""Writes of many callers in few commands: while one is on its way, those that come gather.

Many small tasks at once cost a command for each of their writes otherwise, and most of that is the
command. Whoever writes alone does not wait: his is sent at once, and as it always was. Nobody is
told that something is stored before the database has said so of his own document.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError, WriteError

MOST: Final = 100
"""So many writes go in one command at most."""
SMALL_BYTES: Final = 64 * 1024
"""What is larger than this should not be kept waiting by others, nor keep them."""

_DUPLICATE: Final = 11000

W = TypeVar("W")


class Together(Generic[W]):
    """Writes to one collection.

    Args:
        many: does several in one command, whatever becomes of each (`ordered=False`).
    """

    def __init__(self, many: Callable[[Sequence[W]], Awaitable[object]]) -> None:
        self._many = many
        self._waiting: list[tuple[W, asyncio.Future[None]]] = []
        self._is_busy = False
        self._rest: asyncio.Task[None] | None = None

    async def write(self, what: W, alone: Callable[[], Awaitable[object]]) -> None:
        """Do one write, with those of others or by itself.

        Args:
            what: is to be written.
            alone: writes it by itself.

        Raises:
            DuplicateKeyError: its id is taken.
            PyMongoError: it was not done, or nobody knows whether it was.
        """
        if self._is_busy:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((what, done))
            await done
            return
        self._is_busy = True
        try:
            await alone()
        except PyMongoError as error:
            self._give_up(error)
            raise
        finally:
            self._is_busy = bool(self._waiting)
            if self._is_busy:
                self._rest = asyncio.create_task(self._write_rest())

    async def _write_rest(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                wanted = [(what, done) for what, done in some if not done.done()]
                if wanted:
                    await self._write_many(wanted)
        finally:
            self._is_busy = False
            for _, done in self._waiting:
                done.cancel()

    async def _write_many(self, wanted: Sequence[tuple[W, asyncio.Future[None]]]) -> None:
        try:
            failed = await self._outcome([what for what, _ in wanted])
        except BaseException:
            for _, done in wanted:
                done.cancel()
            raise
        for index, (_, done) in enumerate(wanted):
            if done.done():
                continue
            if index in failed:
                done.set_exception(failed[index])
            else:
                done.set_result(None)

    async def _outcome(self, writes: Sequence[W]) -> dict[int, Exception]:
        """What went wrong with which of the writes."""
        try:
            await self._many(writes)
        except BulkWriteError as error:
            return _failures(error, len(writes))
        except Exception as error:  # noqa: BLE001  (it is raised where each of them is awaited)
            self._give_up(error)
            return dict.fromkeys(range(len(writes)), error)
        return {}

    def _give_up(self, error: Exception) -> None:
        """Who has waited for a server that hangs does not wait for it once more."""
        if isinstance(error, PyMongoError) and error.timeout:
            waiting, self._waiting = self._waiting, []
            for _, done in waiting:
                if not done.done():
                    done.set_exception(error)


def _failures(error: BulkWriteError, writes: int) -> dict[int, Exception]:
    """What went wrong with which write.

    Where the server does not vouch for the whole command, none of them is done.
    """
    details = error.details
    if details.get("writeConcernErrors"):
        return dict.fromkeys(range(writes), error)
    failed: dict[int, Exception] = {}
    for one in details.get("writeErrors", ()):
        code, message = one.get("code"), str(one.get("errmsg"))
        kind = DuplicateKeyError if code == _DUPLICATE else WriteError
        failed[one["index"]] = kind(message, code, one)
    return failed or dict.fromkeys(range(writes), error)
