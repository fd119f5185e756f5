"""Who is told what triggers do, to count it."""

from __future__ import annotations

from typing import Protocol

from kztasks.domain.firing import Firing, HandlerCall


class Observer(Protocol):
    """Is told of firings and calls at their ends."""

    def fired(self, firing: Firing) -> None:
        """A firing has ended here, or a row of missed ones was recorded."""
        ...

    def called(self, key: str, call: HandlerCall) -> None:
        """A handler was called for the trigger `key`, and this is how it ended."""
        ...


class Unobserved:
    """An `Observer` that counts nothing."""

    def fired(self, firing: Firing) -> None:
        """Nothing is done."""

    def called(self, key: str, call: HandlerCall) -> None:
        """Nothing is done."""
