"""The output header that an action declares, and as it goes over the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks_bindings.errors import DefinitionError
from tasks_bindings.sdk.definition import check_handler
from tasks_bindings.wire.messages import HeaderAnswer

HeaderFunction = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """An output header that stands alone, without the input's columns (`{replace, Header}`)."""

    columns: tuple[str, ...]

    def __init__(self, columns: Sequence[str]) -> None:
        object.__setattr__(self, "columns", _names(columns))


OutputHeader = Sequence[str] | Replace | HeaderFunction


def check_header(where: str, header: OutputHeader | None) -> None:
    """See that a declared header can be one, or is a function of the action's name.

    Raises:
        DefinitionError: it is empty, or names a column twice or in another form than a text.
    """
    if header is None:
        return
    if callable(header):
        check_handler(f"{where}: output_header", header, ("action",))
        return
    try:
        columns = header.columns if isinstance(header, Replace) else _names(header)
    except DefinitionError as error:
        raise DefinitionError(f"{where}: {error}") from None
    if not columns:
        raise DefinitionError(f"{where}: output_header: name at least one column, or leave it out")
    for column in columns:
        if not column:
            raise DefinitionError(f"{where}: output_header: a column's name is empty")
        if columns.count(column) > 1:
            raise DefinitionError(f"{where}: output_header names {column!r} twice; name it once")


def header_value(header: OutputHeader, action: str) -> HeaderAnswer:
    """What an app answers under `tasks.CATEGORY.output_header` for an action."""
    value = header(action) if callable(header) else header
    if isinstance(value, Replace):
        return {"replace": list(value.columns)}
    return {"add": list(_names(value))}


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(columns, str):
        raise DefinitionError(f"output_header: name the columns in a list, [{columns!r}]")
    names = tuple(columns)
    for name in names:
        if not isinstance(name, str):
            raise DefinitionError(f"output_header: {name!r} is not the name of a column")
    return names
