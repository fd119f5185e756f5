"""What a task has read of its input and not run yet: the next batch, and the rows behind it."""

from __future__ import annotations

from dataclasses import replace

import orjson

from kztasks.csvio import CsvError
from kztasks.errors import NotFound
from kztasks.scheduler.memory import RowMemory
from kztasks.scheduler.request import Prepared
from kztasks.scheduler.source import Position, Source


class ReadAhead:
    """The rows of one task, from the next one on; counted in the memory of the node.

    Args:
        source: its input.
        memory: the budget that it shares with all others.
    """

    def __init__(self, source: Source, memory: RowMemory) -> None:
        self._source = source
        self._memory = memory
        self._prepared: Prepared | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether it is plain that no row is left."""
        return self._prepared is None and self._source.is_used_up

    async def take(self, skip: int, rows: int) -> Prepared:
        """The rows behind the next `skip` ones: those that were prepared, or `rows` rows.

        None of them at the end.

        Raises:
            CsvError: the input is at fault.
            NotFound: it is gone.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.skip == skip:
            return prepared
        return await self._prepare(skip, rows)

    async def prepare(self, skip: int, rows: int) -> None:
        """Read what comes after the `skip` rows that are out.

        An error of the input comes up again when its row is due.
        """
        if self._prepared is not None and self._prepared.skip == skip:
            return
        try:
            self._prepared = await self._prepare(skip, rows)
        except (CsvError, NotFound):
            self._prepared = None

    def put_back(self, prepared: Prepared) -> None:
        """Of a batch that is to be sent again."""
        self._prepared = prepared

    def discard(self) -> None:
        """What was prepared does not come next; its rows stay."""
        self._prepared = None

    def advance(self, count: int) -> Position:
        """Leave rows behind."""
        if self._prepared is not None:
            self._prepared = replace(self._prepared, skip=self._prepared.skip - count)
        return self._source.advance(count)

    def rest(self) -> None:
        """The task waits: keep what was read only if there is room for it."""
        encoded = len(self._prepared.encoded) if self._prepared is not None else 0
        if not self._memory.rest(self, self._source.held_bytes + encoded):
            self._prepared = None
            self._source.forget()

    def close(self) -> None:
        """No more rows are wanted."""
        self._memory.drop(self)

    async def _prepare(self, skip: int, rows: int) -> Prepared:
        found, count = await self._source.look(skip, rows)
        encoded = orjson.dumps(found) if found is not None else b""
        self._memory.run(self, self._source.held_bytes + len(encoded))
        return Prepared(skip, found, count, encoded)
