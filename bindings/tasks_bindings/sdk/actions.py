"""Actions as objects: the handler, what it says of itself, its header and its hooks."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tasks_bindings.errors import DefinitionError
from tasks_bindings.wire.keys import RESERVED_WORDS, check_column, check_name
from tasks_bindings.wire.messages import Metadata

Row = dict[str, str | None]
"""A row by column name; an optional cell that is missing or empty is `None`."""

CsvHandler = Callable[..., Any]
NoinputHandler = Callable[..., Any]
Hook = Callable[[str, Any], Awaitable[None] | None]
HeaderFunction = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """An output header that stands alone, without the input's columns (`{replace, Header}`)."""

    columns: tuple[str, ...]

    def __init__(self, columns: Sequence[str]) -> None:
        object.__setattr__(self, "columns", tuple(columns))


OutputHeader = Sequence[str] | Replace | HeaderFunction


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
        """Decorator: called with (action, last Data) when no further row is run."""
        self.finish_hook = hook
        return hook

    def on_cleanup(self, hook: Hook) -> Hook:
        """Decorator: called with (action, last Data) once the task is final."""
        self.cleanup_hook = hook
        return hook


def build_metadata(category: str, name: str, fields: dict[str, Any]) -> Metadata:
    """The metadata of an action, after the rules of the seed ("A task's metadata") and ours.

    Raises:
        DefinitionError: a rule is broken; the sentence names the action, the field and the change.
    """
    where = f"tasks.{category}.{name}"
    check_name(name, "action")
    if name in RESERVED_WORDS:
        raise DefinitionError(f"{where}: {name!r} is reserved for a callback; choose another name")
    if not str(fields.get("description") or "").strip():
        raise DefinitionError(f"{where}: give it a description, one sentence for those who pick it")
    try:
        metadata = Metadata(**fields)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise DefinitionError(f"{where}: {field}: {first['msg']}") from None
    _check_columns(where, metadata)
    return metadata


def _check_columns(where: str, metadata: Metadata) -> None:
    seen: set[str] = set()
    for column in metadata.columns:
        check_column(column)
        if column != column.lower():
            raise DefinitionError(f"{where}: column {column!r} has upper-case letters; lower them")
        if column in seen:
            raise DefinitionError(f"{where}: column {column!r} is named twice; name it once")
        seen.add(column)
    if metadata.expected_content is not None and not metadata.columns:
        raise DefinitionError(
            f"{where}: a CSV task needs mandatory or optional columns; without any, "
            "declare it with noinput_action"
        )


def check_handler(where: str, handler: Callable[..., Any], parameters: tuple[str, ...]) -> None:
    """See that a handler can be called with these positional arguments.

    Raises:
        DefinitionError: it takes more, fewer or keyword-only ones.
    """
    try:
        inspect.signature(handler).bind(*parameters)
    except TypeError as mismatch:
        wanted = ", ".join(parameters)
        raise DefinitionError(f"{where}: the handler must take ({wanted}): {mismatch}") from None
    except ValueError:
        return  # a built-in that does not tell its signature
