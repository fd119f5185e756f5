"""A run without bus and store: the app side and the meaning of returns, batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson

from kztasks.csvio import CsvReader, Row, encode_row
from kztasks.domain.batch import BatchOutcome, settle
from kztasks.domain.header import OutputHeader, chosen_header
from kztasks.domain.lines import kept_columns, project
from kztasks.domain.outcome import End, Rules
from kztasks.domain.status import TaskStatus, final_status
from tasks_bindings import Category
from tasks_bindings.invoke import CRASHES
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.sdk.callbacks import HeaderOf
from tasks_bindings.sdk.data import dump_data, load_data
from tasks_bindings.wire.messages import Batch
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.scripted import ACTION, Scripted

CATEGORY = "pure"


class PureRun:
    """One run of a case, cut into batches.

    Args:
        case: what to run.
        cuts: rows of each batch; the last one counts for all that follow.
    """

    def __init__(self, case: Case, cuts: tuple[int, ...]) -> None:
        self._case = case
        self._scripted = Scripted(case)
        self._category: Category = self._scripted.category(CATEGORY)
        self._action = self._category.actions[ACTION]
        self._cuts = cuts
        self._columns, self._rows = _read(case.csv)
        self._outcomes: list[BatchOutcome] = []
        self._data: str | None = None

    def run(self) -> Answer:
        """Run to the end."""
        header = self._header()
        rules = Rules(header, self._columns)
        self._width = rules.width if rules.is_noinput else None
        first = 0
        for size in self._sizes():
            rows = None if self._rows is None else self._rows[first : first + size]
            if rows == []:
                break
            run = BatchRun(self._batch(rows, first, size), self._action, self._category)
            asyncio.run(run.execute())
            self._data = dump_data(self._action, run.run.data)
            self._outcomes.append(settle(orjson.loads(run.encode()), rules, rows))
            first += self._outcomes[-1].processed
            if self._outcomes[-1].end is not None:
                break
        return self._answer(header)

    def _sizes(self) -> Iterator[int]:
        yield from self._cuts
        while True:
            yield self._cuts[-1]

    def _batch(self, rows: list[Row] | None, first: int, size: int) -> Batch:
        fields: dict[str, Any] = {"calls": size} if rows is None else {"rows": rows}
        return Batch(
            task_id="t", epoch=1, seq=first + 1, attempt=1, category=CATEGORY, action=ACTION,
            account_id="a", auth_account_id="a", columns=self._columns, first_row=first + 1,
            data=self._data, width=self._width, work_ms=60_000, hash="h", **fields,
        )  # fmt: skip

    def _header(self) -> OutputHeader:
        answer: object = None
        if self._action.header is not None:
            try:
                answer = HeaderOf(self._category)(ACTION)
            except CRASHES:
                answer = None
        known = self._action.metadata.columns
        return chosen_header(answer, known=known, input_columns=self._columns)

    def _answer(self, header: OutputHeader) -> Answer:
        failed = sum(one.failed for one in self._outcomes)
        succeeded = sum(one.succeeded for one in self._outcomes)
        status = final_status(total=self._case.total_rows, failed=failed, succeeded=succeeded)
        if self._outcomes and self._outcomes[-1].end is End.FAULT:
            assert self._outcomes[-1].reason
            status = TaskStatus.INTERNAL_ERROR
        scripted = self._scripted
        return Answer(
            status=status.value,
            public_status=status.value,
            total=self._case.total_rows,
            failed=failed,
            succeeded=succeeded,
            out_csv=self._output(header).decode(),
            calls=list(scripted.calls.values()),
            verifier_calls=scripted.verifier_calls,
            finish_calls=self._last_data(),
            output_header_calls=scripted.output_header_calls,
        )

    def _output(self, header: OutputHeader) -> bytes:
        written = tuple(sorted({column for one in self._outcomes for column in one.written}))
        kept = kept_columns(written, len(header.columns))
        lines = (project(one.output, one.columns, kept) for one in self._outcomes)
        return encode_row([header.columns[place] for place in kept]) + b"".join(lines)

    def _last_data(self) -> list[object]:
        return [] if self._case.finish is None else [load_data(self._action, self._data)]


def _read(csv: str | None) -> tuple[tuple[str, ...] | None, list[Row] | None]:
    if csv is None:
        return None, None
    reader = CsvReader()
    reader.feed(csv.encode())
    reader.close()
    header = reader.read_header()
    assert header is not None
    rows: list[Row] = []
    while not reader.at_end:
        rows += reader.take(10_000).rows
    return tuple(header.names), rows
