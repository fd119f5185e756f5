"""What an app's author declares, checked while the app is being imported.

Every sentence says where the mistake is and what to change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from tasks_bindings.errors import DefinitionError
from tasks_bindings.wire.keys import RESERVED_WORDS, check_column, check_name
from tasks_bindings.wire.messages import Metadata


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


def column_names(where: str, field: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a field lists.

    Raises:
        DefinitionError: it is one text, whose letters would be taken for columns.
    """
    if isinstance(columns, str):
        raise DefinitionError(f"{where}: {field}: name the columns in a list, [{columns!r}]")
    return tuple(columns)


def check_lower_case(where: str, column: str) -> None:
    """See that a column's name is lower-case, as the columns of all tasks are.

    Raises:
        DefinitionError: it is not.
    """
    if column != column.lower():
        raise DefinitionError(f"{where}: column {column!r} has upper-case letters; lower them")


def check_handler(where: str, handler: Callable[..., Any], parameters: tuple[str, ...]) -> None:
    """See that a handler can be called with these positional arguments, and returns.

    Raises:
        DefinitionError: it takes more, fewer or keyword-only ones, or is a generator.
    """
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise DefinitionError(f"{where}: the handler must return, not yield")
    try:
        inspect.signature(handler).bind(*parameters)
    except TypeError as mismatch:
        wanted = ", ".join(parameters)
        raise DefinitionError(f"{where}: the handler must take ({wanted}): {mismatch}") from None
    except ValueError:
        return  # a built-in that does not tell its signature


def _check_columns(where: str, metadata: Metadata) -> None:
    seen: set[str] = set()
    for column in metadata.columns:
        check_column(column)
        check_lower_case(where, column)
        if column in seen:
            raise DefinitionError(f"{where}: column {column!r} is named twice; name it once")
        seen.add(column)
    if metadata.expected_content is not None and not metadata.columns:
        raise DefinitionError(
            f"{where}: a CSV task needs mandatory or optional columns; without any, "
            "declare it with noinput_action"
        )
