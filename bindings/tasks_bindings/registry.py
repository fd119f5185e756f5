"""Responders bound to routing keys, in one process: Kazoo's bindings server as a value.

A key has a first-in first-out list of responders; a bound key may hold `*` and `#`. Unlike the
original, whose index looks at the first two words only, every bound key that matches is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tasks_bindings.wire.keys import matches


@dataclass(frozen=True, slots=True)
class Responder:
    """A function bound to a key. `payload`, if any, is put before the arguments of each call."""

    function: Callable[..., Any]
    payload: tuple[Any, ...] = ()


class Bound(StrEnum):
    """What `bind` and `unbind` answer."""

    OK = "ok"
    EXISTS = "exists"
    DELETED_BINDING = "deleted_binding"
    UPDATED_BINDING = "updated_binding"
    NOT_FOUND = "not_found"


class Registry:
    """Keys and their responders."""

    def __init__(self) -> None:
        self._bound: dict[str, list[Responder]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """All bound keys, the one that was bound first in front."""
        return tuple(self._bound)

    def bind(self, key: str, function: Callable[..., Any], *payload: Any) -> Bound:
        """Add a responder to a key; `EXISTS` when the same one is on it already."""
        responder = Responder(function, payload)
        responders = self._bound.setdefault(key, [])
        if responder in responders:
            return Bound.EXISTS
        responders.append(responder)
        return Bound.OK

    def bind_all(
        self, keys: Sequence[str], function: Callable[..., Any], *payload: Any
    ) -> list[Bound]:
        """Bind one function to several keys, as the seed does with its triggers."""
        return [self.bind(key, function, *payload) for key in keys]

    def unbind(self, key: str, function: Callable[..., Any], *payload: Any) -> Bound:
        """Take a responder off a key; says whether others are left on it."""
        responders = self._bound.get(key, [])
        responder = Responder(function, payload)
        if responder not in responders:
            return Bound.NOT_FOUND
        responders.remove(responder)
        if responders:
            return Bound.UPDATED_BINDING
        del self._bound[key]
        return Bound.DELETED_BINDING

    def flush(self, key: str | None = None) -> None:
        """Remove every responder, or those of exactly this key."""
        if key is None:
            self._bound.clear()
        else:
            self._bound.pop(key, None)

    def filter(self, keep: Callable[[str, Responder], bool]) -> None:
        """Keep the responders for which `keep(key, responder)` holds; drop emptied keys."""
        for key, responders in list(self._bound.items()):
            kept = [responder for responder in responders if keep(key, responder)]
            if kept:
                self._bound[key] = kept
            else:
                del self._bound[key]

    def responders(self, key: str) -> Iterator[Responder]:
        """The responders that a message with this key reaches: by key, then in bind order."""
        for bound, responders in list(self._bound.items()):
            if matches(bound, key):
                yield from list(responders)

    def reaches(self, key: str) -> bool:
        """Whether any responder is bound to a key that matches."""
        return any(matches(bound, key) for bound in self._bound)
