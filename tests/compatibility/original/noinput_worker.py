"""The worker of a task without input (kt_task_worker_noinput), call by call."""

from __future__ import annotations

from pathlib import PurePosixPath

from tests.compatibility.original.kz_csv import Cell, cell_text
from tests.compatibility.original.output import Output, cells_of
from tests.compatibility.original.run import CRASHED, Run, WorkerDied
from tests.compatibility.original.terms import Atom, Term, Tuple
from tests.compatibility.rules import Rule


class NoinputRun(Run):
    """Calls until the handler says stop."""

    has_hooks = False

    def begin(self) -> bool:
        header: list[Cell] = ["error"]
        match self.asked_header():
            case [_, *_] as named:
                header = named
            case Tuple((Atom("replace"), [_, *_] as named)):
                if Rule.REPLACED_WITHOUT_INPUT not in self.on:
                    raise WorkerDied
                header = named
        self.output = self._output = Output(header)
        return True

    def loop(self) -> None:
        while self._returned(self.call(None)):
            pass

    def _returned(self, result: Term) -> bool:
        """One call; whether the next one follows."""
        match result:
            case Atom("stop"):
                return False
            case Tuple((Atom("EXIT"), reason)) if self._is_crash(reason):
                return self._crashed()
            case Tuple((Atom("file"), path)):
                return self._attach(path)
            case Tuple((returned, iterator)):
                goes_on = self.go_on(iterator)
                self._write(returned, beside_data=True)
                return goes_on
            case _:
                self._alone(result)
                return True

    def _is_crash(self, reason: Term) -> bool:
        """Whether a caught exit is taken for a crash; else its reason is the next iterator."""
        match reason:
            case Tuple((_, [_, *_])):
                return True
            case _:
                return Rule.THROW_IS_A_CRASH in self.on

    def _crashed(self) -> bool:
        self._output.write([CRASHED])
        self.count(1, 0)
        return False

    def _alone(self, result: Term) -> None:
        """Without Data beside it, which the original does not know."""
        if Rule.BARE_WITHOUT_INPUT not in self.on:
            raise WorkerDied
        match result:
            case Atom("ok"):
                self.count(0, 1)
                return
            case [_, *_] | dict():
                self.iterator = result
            case Atom(name):
                result = name
                self.iterator = [name]
            case _:
                self.iterator = [result]
        self._write(result, beside_data=False)

    def _write(self, returned: Term, *, beside_data: bool) -> None:
        match returned:
            case [list() | dict(), *_]:
                for one in returned:
                    self._write_row(one)
            case [_, *_] | dict():
                self._write_row(returned)
            case str() if returned:
                self._text(returned, is_error=not beside_data)
            case Atom("ok"):
                self.count(0, 0)
            case Atom(name) if Rule.JSON_VALUES in self.on:
                self._text(name, is_error=True)
            case _:
                self.count(1, 0)

    def _text(self, text: str, *, is_error: bool) -> None:
        """A line of text, or an error in the error column if there is one."""
        if not is_error:
            self._output.write([text])
            self.count(0, 1)
            return
        header = self._output.header
        in_column = [text if column == "error" else None for column in header]
        self._output.write(in_column if "error" in header else [text])
        self.count(1, 0)

    def _write_row(self, row: Term) -> None:
        """One row; it is written before it is seen that it does not fit the header."""
        header = self._output.header
        match row:
            case dict():
                self._output.note(row)
                self._output.write(cells_of((row.get(column) for column in header), self.on))
            case list() if len(row) == len(header):
                self._output.write(cells_of(row, self.on))
                self._output.note(dict(zip(header, map(cell_text, row), strict=True)))
            case [_, *_]:
                self._output.write(cells_of(row, self.on))
                raise WorkerDied
            case _:
                raise WorkerDied
        self.count(0, 1)

    def _attach(self, path: Term) -> bool:
        """A file that was produced out of band, which is the end."""
        if not isinstance(path, str) and Rule.FILES in self.on:
            return self._crashed()
        if not isinstance(path, str) or path not in self.case.files:
            raise WorkerDied
        if self.upload():
            self.answer.attachments[PurePosixPath(path).name] = self.case.files[path]
        elif Rule.FILES in self.on:
            raise WorkerDied
        return False
