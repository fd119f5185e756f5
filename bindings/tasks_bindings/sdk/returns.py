"""What a handler returns, as named constructors that read like the seed's list.

Seed, "Return values". Each takes `Data` beside it, which the next call is given; `STOP` as `Data`
ends the task after this return was counted; without it the next call is given what this one was.

Loose Python values are understood too, as the original reads Erlang terms: a string is an error, a
list or a mapping is a row, a list of lists is several rows, and `(value, data)` is a value beside
`Data`. As there, a loose value that stands alone is itself what the next call is given, unless the
action declares the type of its `Data`, or that it has none. What a return does to the output and
the counts is decided by the service alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from os import PathLike, fspath
from typing import Any, Final, NamedTuple

import structlog

from tasks_bindings.errors import BadReturn
from tasks_bindings.wire.returns import Return as WireReturn

_log = structlog.get_logger(__name__)


class Sentinel(Enum):
    """Values that cannot be mistaken for an author's own."""

    INIT = "init"
    """The iterator of the first call."""
    STOP = "stop"
    """As a return: end the task. As `Data`: end it after this return."""
    KEEP = "keep"
    """No `Data` beside a return: the next call is given what this one was given."""


INIT: Final = Sentinel.INIT
STOP: Final = Sentinel.STOP
KEEP: Final = Sentinel.KEEP

Scalar = str | int | float | bool | None
OutputRow = Sequence[Scalar] | Mapping[str, Scalar]


class Step(NamedTuple):
    """A return with its `Data`; make one with the functions of this module."""

    wire: WireReturn
    data: Any = KEEP
    is_loose: bool = False
    """Whether `data` is the value itself, because a loose value stood alone."""


_OK: Final = Step({"ok": True})


def ok(data: Any = KEEP) -> Step:
    """The row succeeded; nothing is written (seed: `ok`, `{ok, Data}`)."""
    return _OK if data is KEEP else Step({"ok": True}, data)


def error(text: str, data: Any = KEEP) -> Step:
    """The row failed with this text (seed: `ne_binary()`, `{Error, Data}`).

    Raises:
        BadReturn: the text is empty, which could not be told from a success.
    """
    if not text:
        raise BadReturn("error() needs a text that says what is wrong with the row")
    return Step({"error": text}, data)


def text(line: str, data: Any) -> Step:
    """Write one line of text; for no-input tasks (seed: `{binary(), Data}`)."""
    return Step({"text": line}, data)


def row(cells: OutputRow, data: Any = KEEP) -> Step:
    """Write one row: cells in the order of the header, or a mapping by column (`kz_csv:row()`)."""
    return Step({"row": _plain(cells)}, data)


def rows(many: Sequence[OutputRow], data: Any = KEEP) -> Step:
    """Write several rows (seed: `[kz_csv:row()]`, for no-input tasks)."""
    return Step({"rows": [_plain(cells) for cells in many]}, data)


def file(path: str | PathLike[str]) -> Step:
    """Upload a file that was produced out of band, and end the task; for no-input tasks."""
    return Step({"file": fspath(path)})


def to_step(value: object) -> Step:  # noqa: PLR0911  (the seed's list, one case each)
    """A handler's return, loose or made by a constructor, as a `Step`.

    What no rule of the seed's list covers fails its row without a reason in the output, as in the
    original; the log says what came.

    Raises:
        BadReturn: `Data` stands beside a return that has some already.
    """
    if isinstance(value, Step):
        return value
    if value is ok:
        return _OK
    if value is STOP:
        return Step({"stop": True})
    if isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004  (value, data)
        return _beside_data(value[0], value[1])
    if isinstance(value, str):
        return Step({"error": value}, [value], is_loose=True)
    if isinstance(value, Mapping | list):
        data = [value] if value == [] else value  # as in the original, which sees an empty row
        return Step(_rows_to_wire(value), data, is_loose=True)
    _log.warning("bad_return", why=_what_came(value))
    return Step({"other": _scalar(value), "bare": True}, _alone(value), is_loose=True)


def _beside_data(value: object, data: object) -> Step:
    if isinstance(value, Step):
        if value.data is not KEEP:
            raise BadReturn("a return that has Data already stands beside another Data")
        return Step(value.wire, data)
    if value is ok:
        return Step({"ok": True}, data)
    if isinstance(value, str):
        return Step({"text": value}, data)
    if isinstance(value, Mapping | list):
        return Step(_rows_to_wire(value), data)
    _log.warning("bad_return", why=_what_came(value))
    return Step({"other": _scalar(value)}, data)


def _rows_to_wire(value: Mapping[Any, Any] | list[Any]) -> WireReturn:
    if isinstance(value, Mapping):
        return {"row": dict(value)}
    if value and all(isinstance(item, Mapping) for item in value):
        return {"rows": [dict(item) for item in value]}
    if value and isinstance(value[0], list | tuple):
        return {"rows": [list(item) if isinstance(item, tuple) else item for item in value]}
    return {"row": list(value)}


def _scalar(value: object) -> Scalar:
    """What of a value can be shown in a cell."""
    return value if isinstance(value, str | int | float) else None


def _alone(value: object) -> object:
    """What the next call is given after a value that no rule covers; nothing new if not JSON."""
    items = value if isinstance(value, tuple) else (value,)
    plain = all(item is None or isinstance(item, str | int | float) for item in items)
    return [value] if plain else KEEP


def _plain(cells: OutputRow) -> list[Scalar] | dict[str, Scalar]:
    if isinstance(cells, list | tuple):
        return [*cells]
    if isinstance(cells, Mapping):
        return dict(cells)
    if isinstance(cells, str):
        raise BadReturn(f"a row is a list of cells or a mapping, not the text {cells[:40]!r}")
    return list(cells)


def _what_came(value: object) -> str:
    hint = " (does it lack a return statement?)" if value is None else ""
    return (
        f"the handler returned {type(value).__name__}{hint}: return ok(), row(..), error(..), ..."
    )
