"""What an app binds to its keys, as functions that are called with what came over the wire.

They answer with what the keys promise: a return, a header, true or false, nothing. Rows of a task
do not come this way but in batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tasks_bindings.invoke import invoke
from tasks_bindings.registry import Registry
from tasks_bindings.sdk.actions import Action, Row
from tasks_bindings.sdk.category import Category, Verifier
from tasks_bindings.sdk.context import Context
from tasks_bindings.sdk.data import load_data
from tasks_bindings.sdk.header import header_value
from tasks_bindings.sdk.returns import INIT, KEEP, STOP, to_step
from tasks_bindings.wire.keys import Part, action_key, part_key, verifier_key
from tasks_bindings.wire.messages import HeaderAnswer
from tasks_bindings.wire.returns import Return

NO_TASK: Final = "-"
"""The task id of a call that belongs to no task."""


@dataclass(frozen=True, slots=True)
class ActionOf:
    """`Module:TaskName(ExtraArgs, Iterator[, Args])`: a handler called outside of any task."""

    action: Action

    async def __call__(self, extra_args: dict[str, str], iterator: Any, *args: Row) -> Return:
        """Call the handler with `Data` in its own type, or with `INIT` for "init".

        Returns:
            What it returned, in a shape of `Return`; `Data` beside it under "data".
        """
        action, adapter = self.action, self.action.data_adapter
        accounts = extra_args["account_id"], extra_args["auth_account_id"]
        about = action.category, action.name
        context = Context(*accounts, NO_TASK, *about, row_number=1, maybe_repeated=True)
        data = INIT if iterator == INIT.value else adapter.validate_python(iterator)
        step = to_step(await invoke(action.handler, context, data, *args))
        if step.data is KEEP or (step.is_loose and not action.takes_loose_data):
            return step.wire
        if step.data is STOP:
            return {**step.wire, "next": "stop"}
        return {**step.wire, "next": "data", "data": adapter.dump_python(step.data, mode="json")}


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """`Module:output_header(TaskName)` of a category; raises for an action without one."""

    category: Category

    def __call__(self, action: str) -> HeaderAnswer:
        """The header; `{"replace": [..]}`, or `{"add": [..]}` to the input's columns."""
        header = self.category.actions[action].header
        if header is None:
            raise LookupError(f"{action} has no output header of its own")
        return header_value(header, action)


@dataclass(frozen=True, slots=True)
class HookOf:
    """`finish` or `cleanup` of a category, called with the action and the last `Data` as JSON."""

    category: Category
    part: Part

    async def __call__(self, name: str, data: str | None) -> None:
        """Call the hook of the action, if it has one."""
        action = self.category.actions[name]
        hook = action.finish_hook if self.part is Part.FINISH else action.cleanup_hook
        if hook is not None:
            await invoke(hook, name, load_data(action, data))


@dataclass(frozen=True, slots=True)
class VerifierOf:
    """A column's verifier; true or false, whatever its function says it with."""

    function: Verifier

    def __call__(self, cell: str) -> bool:
        """Whether the cell is valid."""
        return bool(self.function(cell))


@dataclass(frozen=True, slots=True)
class TriggerOf:
    """A trigger's function; what it returns interests nobody."""

    function: Callable[..., Any]

    async def __call__(self, *args: Any) -> None:
        """Call the function."""
        await invoke(self.function, *args)


def bind_category(registry: Registry, category: Category) -> None:
    """Bind a category's actions, verifiers, headers and hooks to the seed's keys."""
    actions = category.actions.values()
    for action in actions:
        registry.bind(action_key(category.name, action.name), ActionOf(action))
    for column, verifier in category.verifiers.items():
        registry.bind(verifier_key(category.name, column), VerifierOf(verifier))
    if any(action.header is not None for action in actions):
        registry.bind(part_key(category.name, Part.OUTPUT_HEADER), HeaderOf(category))
    if any(action.finish_hook for action in actions):
        registry.bind(part_key(category.name, Part.FINISH), HookOf(category, Part.FINISH))
    if any(action.cleanup_hook for action in actions):
        registry.bind(part_key(category.name, Part.CLEANUP), HookOf(category, Part.CLEANUP))
