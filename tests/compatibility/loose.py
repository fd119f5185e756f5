"""Terms as the author of an app in Python writes them, and scripts as Python functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tasks_bindings import INIT, STOP, Replace, error, file, ok
from tests.compatibility.original.case import Verifier
from tests.compatibility.original.terms import Atom, Echo, Kill, Raise, Script, Term, Tuple


class Raised(Exception):
    """What a scripted function raises."""


def returned(script: Script, args: dict[str, str | None] | None = None) -> object:
    """What a handler with this script returns.

    Raises:
        Raised: it raises, whatever the kind.
        SystemExit: it ends its process.
    """
    match script:
        case Raise(kind, reason):
            raise Raised(kind, reason)
        case Kill():
            raise SystemExit
        case Echo(iterator):
            return (args, data(iterator))
        case Tuple((value, iterator)):
            return _beside_data(value, iterator)
        case Atom("ok"):
            return ok
        case _:
            return data(script)


def _beside_data(value: Term, iterator: Term) -> object:
    match value:
        case Atom("EXIT"):
            raise Raised("a term that looks like a crash")
        case Atom("file"):
            return file(PurePosixPath(iterator).name)
        case Atom("ok"):
            return (ok, data(iterator))
        case Atom(name):
            return error(name, data(iterator))
        case _:
            return (plain(value), data(iterator))


def data(iterator: Term) -> object:
    """An iterator as `Data`."""
    match iterator:
        case Atom("stop"):
            return STOP
        case Atom("init"):
            return INIT
        case _:
            return plain(iterator)


def plain(term: Term) -> Any:
    """A term inside another one: atoms are texts."""
    match term:
        case Atom(name):
            return name
        case Tuple(items):
            return tuple(map(plain, items))
        case list():
            return [plain(item) for item in term]
        case dict():
            return {key: plain(value) for key, value in term.items()}
        case _:
            return term


def seen(iterator: object) -> object:
    """An iterator, of a term or of Python, in one form for both: as it is after it was JSON."""
    match iterator:
        case Atom("init"):
            return INIT
        case Atom(name):
            return name
        case Tuple(items) | tuple(items):
            return [seen(item) for item in items]
        case list():
            return [seen(item) for item in iterator]
        case dict():
            return {key: seen(value) for key, value in iterator.items()}
        case _:
            return iterator


def header(script: Script) -> Callable[[str], Any]:
    """An output_header."""

    def output_header(_action: str) -> Any:
        match script:
            case Tuple((Atom("replace"), columns)):
                return Replace(plain(columns))
            case _:
                return returned(script)

    return output_header


def verifier(
    column: str, one: Verifier, note: Callable[[tuple[str, str]], None]
) -> Callable[[str], Any]:
    """A verifier that notes what it is asked."""

    def verify(cell: str) -> object:
        note((column, cell))
        return returned(one.of(cell))

    return verify
