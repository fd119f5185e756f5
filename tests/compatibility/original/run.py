"""What both kinds of workers have in common: calls, counts, progress, and the ends of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from tests.compatibility.original.case import Answer, Case
from tests.compatibility.original.kz_csv import CsvCrash
from tests.compatibility.original.output import Output
from tests.compatibility.original.terms import (
    INIT,
    STOP,
    Atom,
    Kill,
    Script,
    StopTask,
    Term,
    Tuple,
    evaluate,
    exit_of,
    pair,
)
from tests.compatibility.rules import Rule

CRASHED = "applier crashed"


class WorkerDied(Exception):
    """The worker's process is gone; its scheduler notices."""


class TaskStopped(Exception):
    """Somebody has stopped the task."""


class Run(ABC):
    """One run of a task by the original, with some of its rules changed."""

    has_hooks: ClassVar[bool]

    def __init__(self, case: Case, on: frozenset[Rule]) -> None:
        self.case = case
        self.on = on
        self.answer = Answer(status="", public_status="", total=case.total_rows)
        self.output: Output | None = None
        self.iterator: Term = INIT
        self.failed = self.succeeded = 0
        self._saved: tuple[int, int] | None = None
        self._scripts = case.scripts()
        self._failures_left = case.attachment_failures

    def run(self) -> Answer:
        """Run the task to its end."""
        try:
            if not self.begin():
                return self.answer
            self.loop()
            if self.has_hooks or Rule.HOOKS in self.on:
                self._finish()
        except (WorkerDied, CsvCrash):
            return self._end_early("internal_error")
        except TaskStopped:
            return self._end_early("stopped")
        return self.end()

    @abstractmethod
    def begin(self) -> bool:
        """Load the input and write the header; false where the answer is complete with that."""

    @abstractmethod
    def loop(self) -> None:
        """Call the handler until there is nothing left to do."""

    def count(self, failed: int, succeeded: int) -> None:
        """Count rows; the counts are saved when more than so many were counted since."""
        self.failed += failed
        self.succeeded += succeeded
        every = self.case.config.get("send_progress_after_processed", 1000)
        if self.failed + self.succeeded > sum(self._saved or (0, 0)) + every:
            self._saved = (self.failed, self.succeeded)

    def call(self, args: Term) -> Term:
        """Call the handler."""
        self.answer.calls.append((self.iterator, args))
        script = next(self._scripts)
        if isinstance(script, StopTask):
            raise TaskStopped
        return self.evaluate(script, args)

    def go_on(self, iterator: Term) -> bool:
        """Hand an iterator on; whether the next call follows."""
        if iterator == STOP:
            return False
        self.iterator = iterator
        return True

    def evaluate(self, script: Script, args: Term = None) -> Term:
        """Call a function of the app."""
        if not isinstance(script, Kill):
            return evaluate(script, args)
        if Rule.DEATH_IS_A_CRASH not in self.on:
            raise WorkerDied
        return exit_of(pair(Kill(), [Kill()]))

    def upload(self) -> bool:
        """Whether one of the attempts to upload a file goes well."""
        failures = min(self._failures_left, self.case.attempts)
        self._failures_left -= failures
        return failures < self.case.attempts

    def asked_header(self) -> Term:
        """What output_header says; None where it is not bound."""
        if self.case.output_header is None:
            return None
        self.answer.output_header_calls += 1
        return self.evaluate(self.case.output_header)

    def _finish(self) -> None:
        if self.case.finish is None:
            return
        self.answer.finish_calls.append(self.iterator)
        result = self.evaluate(self.case.finish)
        if Rule.HOOKS in self.on:
            return
        match result:
            case Tuple((Atom("EXIT"), Tuple((_, [_, *_])))):
                return  # logged, with its stack trace
            case Tuple((Atom("EXIT"), Tuple((_, _)))):
                raise WorkerDied  # there is nothing to log as a stack trace

    def _clean_up(self) -> None:
        if self.case.cleanup is None or not (self.has_hooks or Rule.HOOKS in self.on):
            return
        self.answer.cleanup_calls.append(self.iterator)
        try:
            self.evaluate(self.case.cleanup)
        except WorkerDied:
            self.answer.scheduler_crashed = True

    def end(self, status: str | None = None) -> Answer:
        """Counts and status, the file, the cleanup hook."""
        answer = self.answer
        answer.failed, answer.succeeded = self.failed, self.succeeded
        answer.status = status or status_of(answer.total, self.failed, self.succeeded)
        if self.output is not None:
            if self.upload():
                answer.out_csv = self._finished(self.output)
            elif Rule.FINAL_WHEN_DELIVERED in self.on:
                answer.status = "internal_error"
        answer.public_status = answer.status
        self._clean_up()
        return answer

    def _finished(self, output: Output) -> str:
        if Rule.UNWRITTEN_COLUMNS in self.on:
            return output.without_unwritten_columns()
        return output.with_columns_removed(self.on)

    def _end_early(self, status: str) -> Answer:
        """The worker is gone: what it wrote is uploaded as it is, what it counted is lost."""
        if Rule.ONE_END in self.on:
            if Rule.HOOKS in self.on:
                self._finish()
            return self.end(status)
        answer = self.answer
        answer.failed, answer.succeeded = self._saved or (None, None)
        answer.status = status
        recomputed = status_of(answer.total, answer.failed, answer.succeeded)
        answer.public_status = status if status == "stopped" else recomputed
        if self.output is not None and self.upload():
            answer.out_csv = self.output.text
        return answer


def status_of(total: int | None, failed: int | None, succeeded: int | None) -> str:
    """The status of a task that has ended, from the counts in its document."""
    if failed is None or succeeded is None:
        return "internal_error"
    if total is None:
        if failed == 0:
            return "success"
        return "failure" if succeeded == 0 else "partial"
    if failed == 0 and succeeded >= total > 0:
        return "success"
    if failed == total > 0 and succeeded == 0:
        return "failure"
    return "partial" if failed < total and succeeded < total else "internal_error"
