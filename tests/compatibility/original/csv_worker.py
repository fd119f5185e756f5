"""The worker of a task with a CSV (kt_task_worker), row by row."""

from __future__ import annotations

from collections.abc import Iterable

from tests.compatibility.original.csv_writing import CsvWriting, NamedRow
from tests.compatibility.original.kz_csv import Cell, rows, take_row
from tests.compatibility.original.output import Output
from tests.compatibility.original.run import CRASHED, Run, WorkerDied
from tests.compatibility.original.terms import Atom, Term, Tuple
from tests.compatibility.rules import Rule
from tests.unit.csvio.reference import read_by_reference


class CsvRun(Run):
    """A run over the rows of a CSV."""

    has_hooks = True

    def begin(self) -> bool:
        case, on = self.case, self.on
        assert case.csv is not None
        reading = read_by_reference(case.csv.encode())
        if case.is_unbound and Rule.WAITS_FOR_APP in on:
            return self._answered("executing", counted=0)
        if case.is_input_lost:
            return self._without_input([*(reading.names or [])])
        if reading.fault is not None and Rule.REFUSED_AT_UPLOAD in on:
            return self._answered("refused", counted=None)
        if reading.fault is None and Rule.LINE_BREAKS_IN_CELLS in on:
            self._begin([*(reading.names or [])], reading.rows)
            return True
        first = take_row(case.csv)
        if first is None:
            raise WorkerDied
        self._begin(first[0], rows(first[1]))
        return True

    def _answered(self, status: str, *, counted: int | None) -> bool:
        """Nothing of the task is run."""
        self.answer.status = self.answer.public_status = status
        self.answer.failed = self.answer.succeeded = counted
        return False

    def _without_input(self, columns: list[Cell]) -> bool:
        """The in.csv of a task is lost."""
        if Rule.UNREAD_INPUT in self.on:
            self._begin(columns, ())
            raise WorkerDied
        self.failed = self.case.total_rows or 0
        self.end()
        return False

    def _begin(self, columns: list[Cell], following: Iterable[list[Cell]]) -> None:
        """Find the header, which is written first."""
        self._columns, self._rows = columns, following
        carried, added = self._header()
        self.output = Output([*carried, *(added or [])])
        self._writing = CsvWriting(self.on, self.output, carried, added)

    def _header(self) -> tuple[list[Cell], list[Cell] | None]:
        match self.asked_header():
            case [_, *_] as added:
                return self._columns, added
            case Tuple((Atom("replace"), [_, *_] as whole)):
                return whole, None
            case _ if Rule.DEFAULT_HEADER in self.on:
                return [*self.case.mandatory, *self.case.optional], ["error"]
            case _:
                return self._columns, ["error"]

    def loop(self) -> None:
        for cells in self._rows:
            if len(cells) != len(self._columns):
                raise WorkerDied
            if not self._step(dict(zip(self._columns, cells, strict=True))):
                return

    def _step(self, row: NamedRow) -> bool:
        """One row; whether the next one follows."""
        args: dict[Cell, Cell] = dict.fromkeys([*self.case.mandatory, *self.case.optional])
        args.update(row)
        if None in args:  # the name of the column cannot be part of a key
            self.count(*self._writing.failure(row, "internal"))
            return False
        if bad := self._bad_fields(args):
            self.count(*self._writing.failure(row, f"bad field(s) {' '.join(bad)}"))
            return True
        if self.case.is_unbound:
            self.count(*self._writing.failure(row, "", ends_line=False))
            return self.go_on([])
        return self._returned(row, self.call(args))

    def _returned(self, row: NamedRow, result: Term) -> bool:
        match result:
            case Atom("stop"):
                return False
            case Tuple((Atom("EXIT"), reason)) if self._is_crash(reason):
                self.count(*self._writing.failure(row, CRASHED))
                return False
            case Tuple((returned, iterator)):
                self.count(*self._writing.beside_data(row, returned))
                return self.go_on(iterator)
            case [_, *_] | dict():
                self.count(*self._writing.rows(row, result))
                return self.go_on(result)
            case _:
                return self._alone(row, result)

    def _alone(self, row: NamedRow, result: Term) -> bool:
        """A return without an iterator, which is no row."""
        match result:
            case Atom("ok") if Rule.BARE_OK in self.on:
                self.count(0, 1)
                return True
            case Atom(name) if Rule.JSON_VALUES in self.on:
                result = name
        self.count(*self._writing.alone(row, result))
        return self.go_on([result])

    def _is_crash(self, reason: Term) -> bool:
        """Whether a caught exit is taken for a crash; else its reason is the next iterator."""
        match reason:
            case Tuple((_, list())):
                return True
            case _ if Rule.THROW_IS_A_CRASH in self.on:
                return True
            case Tuple((_, _)):
                raise WorkerDied  # its second half is no stack trace that could be logged
            case _:
                return False

    def _bad_fields(self, args: NamedRow) -> list[str]:
        in_order = Rule.BAD_FIELDS_IN_ORDER in self.on
        columns = [column for column in args if column is not None]
        if in_order:
            own = [column for column in self._columns if column is not None]
            columns = own + [column for column in self.case.mandatory if column not in own]
        else:
            columns.sort()
        bad = [column for column in columns if self._is_bad(column, args[column])]
        return bad if in_order else bad[::-1]

    def _is_bad(self, column: str, cell: Cell) -> bool:
        if cell is None:
            return column in self.case.mandatory
        verifier = self.case.verifiers.get(column)
        if verifier is None:
            return False
        self.answer.verifier_calls.append((column, cell))
        match self.evaluate(verifier.of(cell)):
            case False:
                return True
            case Tuple((Atom("EXIT"), _)):
                return Rule.CRASHED_VERIFIER in self.on
            case _:
                return False
