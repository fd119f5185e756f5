"""Erlang terms as Python values, and what a scripted function does when it is called.

A binary is a string, `undefined` is None, `true` and `false` are booleans, any other atom is an
`Atom`; lists and maps are Python's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Term = Any


@dataclass(frozen=True, slots=True)
class Atom:
    """An atom but for `undefined`, `true` and `false`."""

    name: str


STOP: Final = Atom("stop")
INIT: Final = Atom("init")


@dataclass(frozen=True, slots=True)
class Tuple:
    """A tuple; a class of its own, as patterns take Python's for lists."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Raise:
    """The function raises a term: an error, a throw or an exit."""

    kind: str
    term: Term


@dataclass(frozen=True, slots=True)
class Kill:
    """The process that runs the function is killed."""


@dataclass(frozen=True, slots=True)
class StopTask:
    """Somebody stops the task while the function waits for ever."""


@dataclass(frozen=True, slots=True)
class Echo:
    """The function returns the row that it was given, and this iterator beside it."""

    iterator: Term


Script = Any
"""A term to return, or one of the above."""


def decode(value: Any) -> Script:
    """A term or a script in the neutral JSON of the recorded answers."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    return _DECODERS[kind](content)


_DECODERS: Final[dict[str, Callable[[Any], Script]]] = {
    "atom": Atom,
    "tuple": lambda items: Tuple(tuple(decode(item) for item in items)),
    "map": lambda pairs: {key: decode(item) for key, item in pairs.items()},
    "bytes": bytes.fromhex,
    "crash": lambda kind: Raise("error", Atom(kind)),
    "raise": lambda raised: Raise(raised[0], decode(raised[1])),
    "kill": lambda _: Kill(),
    "stop_task": lambda _: StopTask(),
    "echo_map": lambda iterator: Echo(decode(iterator)),
}


def json_text(term: Term) -> str:
    """The JSON of a term whose atoms are texts."""
    names: Callable[[Atom], str] = lambda atom: atom.name  # noqa: E731  (for json alone)
    return json.dumps(term, default=names, ensure_ascii=False, separators=(",", ":"))


def pair(first: Term, second: Term) -> Tuple:
    """A tuple of two."""
    return Tuple((first, second))


def exit_of(reason: Term) -> Tuple:
    """What a crash becomes where it is caught."""
    return pair(Atom("EXIT"), reason)


def evaluate(script: Script, args: Term = None) -> Term:
    """What kazoo_bindings has for a responder's result: a crash is a term as well.

    Only an error comes with a stack trace; a throw or an exit is its bare term.
    """
    match script:
        case Raise("error", reason):
            return exit_of(pair(reason, [Atom("a stack frame")]))
        case Raise(_, reason):
            return exit_of(reason)
        case Echo(iterator):
            return pair(args, iterator)
        case _:
            return script
