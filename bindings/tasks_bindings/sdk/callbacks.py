"""What an app binds beside its actions, as functions that are called with what came over the wire.

They answer with what the keys promise: a header, true or false, nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks_bindings.invoke import invoke
from tasks_bindings.sdk.category import Category, Verifier
from tasks_bindings.sdk.data import load_data
from tasks_bindings.sdk.header import header_value
from tasks_bindings.wire.keys import Part


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """`Module:output_header(TaskName)` of a category; raises for an action without one."""

    category: Category

    def __call__(self, action: str) -> dict[str, list[str]]:
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
