"""An action that does what a case says, and notes what it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tasks_bindings import Action, Category, Context, Row
from tasks_bindings.wire.messages import Metadata
from tests.compatibility.loose import header, returned, seen, verifier
from tests.compatibility.original.case import Case
from tests.compatibility.original.terms import StopTask

ACTION = "act"
Call = tuple[object, Row | None]


async def _nobody() -> None:
    raise AssertionError("nobody can stop this task")


@dataclass
class Scripted:
    """The functions of one case. A row that is run again does what it did before.

    Args:
        case: what they do.
        stop_task: stops the task from another process.
    """

    case: Case
    stop_task: Callable[[], Awaitable[None]] = _nobody
    calls: dict[int, Call] = field(default_factory=dict)
    """What the handler was given, by the number of the row."""
    verifier_calls: list[tuple[str, str]] = field(default_factory=list)
    finish_calls: list[object] = field(default_factory=list)
    cleanup_calls: list[object] = field(default_factory=list)
    output_header_calls: int = 0

    def category(self, name: str) -> Category:
        """A category with the action and all that is bound for it, also where it makes no sense."""
        case, category = self.case, Category(name)
        action = Action(
            name,
            ACTION,
            self._handler,
            metadata=self._metadata(),
            output_header=None if case.output_header is None else self._output_header,
            data_type=None,
        )
        if case.finish is not None:
            action.finish_hook = self._finish
        if case.cleanup is not None:
            action.cleanup_hook = self._cleanup
        category.actions[ACTION] = action
        for column, one in case.verifiers.items():
            category.verifiers[column] = verifier(column, one, self.verifier_calls.append)
        return category

    def _metadata(self) -> Metadata:
        return Metadata(
            description=self.case.name,
            expected_content=None if self.case.csv is None else "text/csv",
            mandatory=self.case.mandatory,
            optional=self.case.optional,
        )

    async def _handler(self, context: Context, data: Any, args: Row | None = None) -> object:
        call = (seen(data), None if args is None else dict(args))
        assert self.calls.setdefault(context.row_number, call) == call, "run again with other Data"
        index = list(self.calls).index(context.row_number)
        returns = self.case.returns
        script = returns[index] if index < len(returns) else self.case.default_return
        if isinstance(script, StopTask):
            await self.stop_task()
        return returned(script, args)

    def _output_header(self, action: str) -> object:
        self.output_header_calls += 1
        return header(self.case.output_header)(action)

    def _finish(self, _action: str, data: object) -> None:
        self.finish_calls.append(seen(data))
        returned(self.case.finish)

    def _cleanup(self, _action: str, data: object) -> None:
        self.cleanup_calls.append(seen(data))
        returned(self.case.cleanup)
