"""Calls of many callers in few commands: while one is on its way, those that come gather.

Many small tasks at once cost a command for each of their reads and writes otherwise, and most of
that is the command. So there is one command on its way, of whatever kind, and behind it calls of
every kind gather; unless the database takes long to answer, then nobody waits for it. Whoever calls
alone does not wait: his call is sent at once, and as it always was.

Nobody is told that something is stored before the database has said so of his own document, and
nobody is given what was read before he asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError, WriteError

MOST: Final = 100
"""So many go in one command at most; MongoDB answers a query with 101 documents at first."""
SMALL_BYTES: Final = 64 * 1024
"""What is larger than this should not be kept waiting by others, nor keep them."""

PATIENCE_S: Final = 0.02
"""So long calls wait at most for a command of another kind: an answer takes a millisecond or two
where the database is near."""

_DUPLICATE: Final = 11000

W = TypeVar("W")
R = TypeVar("R")
D = TypeVar("D", bound="Any")


class Lane:
    """The way to the database for small calls: one command after another, while they are quick."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @property
    def is_free(self) -> bool:
        """Whether no command is on its way."""
        return not self._lock.locked()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait until it is free, or for long enough."""
        is_mine = await self._acquire()
        try:
            yield
        finally:
            if is_mine:
                self._lock.release()

    async def _acquire(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._lock.acquire()
        except TimeoutError:
            return False


class Together(Generic[W, R]):
    """Calls of one kind.

    Args:
        many: does several in one go; what comes of each, an exception where it failed.
        lane: the way that they share with other kinds.
    """

    def __init__(
        self,
        many: Callable[[Sequence[W]], Awaitable[Sequence[R | Exception]]],
        lane: Lane | None = None,
    ) -> None:
        self._many = many
        self._lane = lane or Lane()
        self._waiting: list[tuple[W, asyncio.Future[R]]] = []
        self._is_busy = False
        self._rest: asyncio.Task[None] | None = None

    async def do(self, what: W, alone: Callable[[], Awaitable[R]]) -> R:
        """Do one call, with those of others or by itself.

        Args:
            what: is to be done.
            alone: does it by itself.

        Raises:
            PyMongoError: it was not done, or nobody knows whether it was; or whatever `many` says
                of it.
        """
        if self._is_busy or not self._lane.is_free:
            done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((what, done))
            self._begin_rest()
            return await done
        self._is_busy = True
        try:
            async with self._lane.taken():
                return await alone()
        except PyMongoError as error:
            self._give_up(error)
            raise
        finally:
            self._is_busy = False
            self._begin_rest()

    def _begin_rest(self) -> None:
        if self._waiting and not self._is_busy:
            self._is_busy = True
            self._rest = asyncio.create_task(self._do_rest())

    async def _do_rest(self) -> None:
        try:
            while self._waiting:
                async with self._lane.taken():
                    some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                    wanted = [(what, done) for what, done in some if not done.done()]
                    if wanted:
                        await self._do_many(wanted)
        finally:
            self._is_busy = False
            for _, done in self._waiting:
                done.cancel()

    async def _do_many(self, wanted: Sequence[tuple[W, asyncio.Future[R]]]) -> None:
        try:
            outcomes = await self._outcomes([what for what, _ in wanted])
        except BaseException:
            for _, done in wanted:
                done.cancel()
            raise
        for (_, done), outcome in zip(wanted, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)

    async def _outcomes(self, calls: Sequence[W]) -> Sequence[R | Exception]:
        try:
            return await self._many(calls)
        except Exception as error:  # noqa: BLE001  (it is raised where each of them is awaited)
            self._give_up(error)
            return [error] * len(calls)

    def _give_up(self, error: Exception) -> None:
        """Who has waited for a server that hangs does not wait for it once more."""
        if isinstance(error, PyMongoError) and error.timeout:
            waiting, self._waiting = self._waiting, []
            for _, done in waiting:
                if not done.done():
                    done.set_exception(error)


class Writes(Generic[W]):
    """Writes to one collection.

    Args:
        command: does several, whatever becomes of each (`ordered=False`).
        lane: as for `Together`.
    """

    def __init__(
        self, command: Callable[[Sequence[W]], Awaitable[object]], lane: Lane | None = None
    ) -> None:
        self._command = command
        self._together: Together[W, None] = Together(self._many, lane)

    async def write(self, what: W, alone: Callable[[], Awaitable[object]]) -> None:
        """Do one write.

        Args:
            what: is to be written.
            alone: writes it by itself.

        Raises:
            DuplicateKeyError: its id is taken.
            PyMongoError: it was not done, or nobody knows whether it was.
        """

        async def written() -> None:
            await alone()

        await self._together.do(what, written)

    async def _many(self, writes: Sequence[W]) -> Sequence[Exception | None]:
        failed = await failures(self._command(writes), len(writes))
        return [failed.get(index) for index in range(len(writes))]


class Inserts(Writes[D]):
    """New documents of one collection."""

    def __init__(self, collection: AsyncIOMotorCollection[D], lane: Lane | None = None) -> None:
        super().__init__(self._insert_many, lane)
        self._collection = collection

    async def insert(self, document: D) -> None:
        """Insert one.

        Raises:
            DuplicateKeyError: its id is taken.
            PyMongoError: it was not done, or nobody knows whether it was.
        """
        await self.write(document, lambda: self._collection.insert_one(document))

    async def _insert_many(self, documents: Sequence[D]) -> None:
        await self._collection.insert_many(documents, ordered=False)


class Reads(Generic[D]):
    """Documents of one collection by their ids."""

    def __init__(self, collection: AsyncIOMotorCollection[D], lane: Lane | None = None) -> None:
        self._collection = collection
        self._together: Together[str, D | None] = Together(self._many, lane)

    async def read(self, document_id: str) -> D | None:
        """One document as it is now, if it exists; it may be that of others too.

        Raises:
            PyMongoError: the database did not answer.
        """
        guard = {"_id": {"$eq": document_id}}
        return await self._together.do(document_id, lambda: self._collection.find_one(guard))

    async def _many(self, ids: Sequence[str]) -> Sequence[D | None]:
        found = self._collection.find({"_id": {"$in": list(set(ids))}})
        by_id = {document["_id"]: document for document in await found.to_list(None)}
        return [by_id.get(document_id) for document_id in ids]


async def failures(command: Awaitable[object], writes: int) -> dict[int, Exception]:
    """What went wrong with which of the writes of an unordered command.

    Where the server does not vouch for the whole command, none of them is done.

    Raises:
        PyMongoError: nobody knows what was done.
    """
    try:
        await command
    except BulkWriteError as error:
        details = error.details
        if details.get("writeConcernErrors"):
            return dict.fromkeys(range(writes), error)
        failed: dict[int, Exception] = {}
        for one in details.get("writeErrors", ()):
            code, message = one.get("code"), str(one.get("errmsg"))
            kind = DuplicateKeyError if code == _DUPLICATE else WriteError
            failed[one["index"]] = kind(message, code, one)
        return failed or dict.fromkeys(range(writes), error)
    return {}
