"""Actions as objects: the handler, what it says of itself, its header and its hooks."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import TypeAdapter

from tasks_bindings.errors import DefinitionError
from tasks_bindings.sdk.definition import check_handler
from tasks_bindings.sdk.header import OutputHeader
from tasks_bindings.wire.messages import Metadata

Row = dict[str, str | None]
"""A row by column name; a cell with nothing in it is `None`, a quoted empty one is `""`."""

CsvHandler = Callable[..., Any]
NoinputHandler = Callable[..., Any]
Hook = Callable[[str, Any], Awaitable[None] | None]


class Action:
    """A task that an app offers; calling it calls the handler, so a unit test needs no broker."""

    def __init__(
        self,
        category: str,
        name: str,
        handler: Callable[..., Any],
        *,
        metadata: Metadata,
        output_header: OutputHeader | None,
        data_type: Any | None,
    ) -> None:
        self.category: Final = category
        self.name: Final = name
        self.handler: Final = handler
        self.metadata: Final = metadata
        self.header: Final = output_header
        self.data_adapter: Final[TypeAdapter[Any]] = TypeAdapter(
            Any if data_type is None else data_type
        )
        self.takes_loose_data: Final = data_type is None and not metadata.stateless
        """Whether a loose value that stands alone is the next `Data`, as in the original.

        It is not where the author says that `Data` is something else, or that there is none.
        """
        self.finish_hook: Hook | None = None
        self.cleanup_hook: Hook | None = None
        self.__doc__ = handler.__doc__

    def __call__(self, *args: Any) -> Any:
        """Call the handler as it was written."""
        return self.handler(*args)

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function."""
        return inspect.iscoroutinefunction(self.handler)

    def on_finish(self, hook: Hook) -> Hook:
        """Decorator: called with (action, last Data) when no further row is run.

        Raises:
            DefinitionError: it takes something else, or there is such a hook already.
        """
        self._check_hook("on_finish", self.finish_hook, hook)
        self.finish_hook = hook
        return hook

    def on_cleanup(self, hook: Hook) -> Hook:
        """Decorator: called with (action, last Data) once the task is final.

        Raises:
            DefinitionError: it takes something else, or there is such a hook already.
        """
        self._check_hook("on_cleanup", self.cleanup_hook, hook)
        self.cleanup_hook = hook
        return hook

    def _check_hook(self, kind: str, present: Hook | None, hook: Hook) -> None:
        where = f"tasks.{self.category}.{self.name}: {kind}"
        if present is not None:
            raise DefinitionError(f"{where}: the action has such a hook already; keep one of them")
        check_handler(where, hook, ("action", "data"))
