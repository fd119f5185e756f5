"""The header of `out.csv`: which columns it has and where a row's cells go.

Seed, "Module:output_header(TaskName)"; the original's algebra of input columns and returned ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

ERROR_COLUMN: Final = "error"


@dataclass(frozen=True, slots=True)
class OutputHeader:
    """`out.csv` has the `carried` columns of the input row first, then the `added` ones.

    `replaced` says that the action named the whole header, so that nothing is carried over.
    """

    carried: tuple[str, ...]
    added: tuple[str, ...]
    replaced: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return self.carried + self.added

    def to_json(self) -> str:
        """A stable JSON text, for the log."""
        return json.dumps([self.carried, self.added, self.replaced], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> OutputHeader:
        """The inverse of `to_json`."""
        carried, added, replaced = json.loads(text)
        return cls(tuple(carried), tuple(added), bool(replaced))


def default_header(known: tuple[str, ...]) -> OutputHeader:
    """Without a usable `output_header`: mandatory, optional and "error" (seed).

    Args:
        known: the action's mandatory columns, then its optional ones; empty for a no-input task.
    """
    return OutputHeader(carried=known, added=(ERROR_COLUMN,))


def csv_header(input_columns: tuple[str, ...], added: tuple[str, ...]) -> OutputHeader:
    """An action of a CSV task returned a list: the input's columns, then the list."""
    return OutputHeader(carried=input_columns, added=added)


def whole_header(columns: tuple[str, ...]) -> OutputHeader:
    """The action named the whole header: `{replace, Header}`, or any list of a no-input task."""
    return OutputHeader(carried=(), added=columns, replaced=True)


def chosen_header(
    answer: object, *, known: tuple[str, ...], input_columns: tuple[str, ...] | None
) -> OutputHeader:
    """The header that an app's answer to `output_header` asks for.

    Args:
        answer: `{"add": [..]}` or `{"replace": [..]}`; whatever else it is (a crash, nothing, no
            columns) gives the default.
        known: the action's mandatory columns, then its optional ones.
        input_columns: of `in.csv`; `None` for a task without input.
    """
    match answer:
        case {"replace": list(names)} if _are_columns(names):
            return whole_header(tuple(names))
        case {"add": list(names)} if _are_columns(names):
            if input_columns is None:
                return whole_header(tuple(names))
            return csv_header(input_columns, tuple(names))
        case _:
            return default_header(known)


def _are_columns(names: list[object]) -> bool:
    return bool(names) and all(isinstance(name, str) and name for name in names)
