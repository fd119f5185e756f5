"""The gate before the apps: a batch or a call goes out when it is its task's turn.

For each app there are twice as many turns as its live instances run requests at the same time: so
many keep all of them busy, and a batch that gets its turn waits behind one other at most. Who is
next is decided by `FairTurns`. Nobody gets a turn while nothing may be sent.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kztasks.scheduler.turns import FairTurns
from kztasks.scheduler.waiting import Kind, Turn, Waiting
from tasks_bindings.directory import Directory
from tasks_bindings.wire.keys import action_key

TURNS_FOR_EACH: Final = 2
"""Turns for each request that an app's instances run at the same time."""
SHOWN_AFTER_S: Final = 5.0
"""A task that waits so long for its turn says so."""


@dataclass(frozen=True, slots=True)
class TurnCounts:
    """The turns of one app, for metrics; `granted` counts from the start on."""

    limit: int
    out: int
    waiting: int
    granted: int


class TurnGate:
    """Gives turns to the tasks of one scheduler.

    Args:
        directory: the apps that are alive.
        closed: why nothing may be sent at present; `None` if it may.
    """

    def __init__(self, directory: Directory, closed: Callable[[], str | None]) -> None:
        self._directory = directory
        self._closed = closed
        self._lines: dict[str, FairTurns[Waiting]] = {}
        self._unserved: dict[Kind, OrderedDict[Waiting, None]] = {}
        self._apps: dict[Kind, list[str]] = {}
        self._version = -1
        self._placed = 0

    @property
    def closed(self) -> str | None:
        """Why nothing may be sent at present; `None` if it may."""
        return self._closed()

    def take(self, kind: Kind, account: str) -> Turn | None:
        """A turn, if one is free and nobody waits for it."""
        self._look()
        if self._closed() is not None:
            return None
        for app in self._least_busy_first(kind):
            if self._lines[app].take(account):
                return self._turn(app, account)
        return None

    def wait(self, kind: Kind, account: str, *, urgent: bool = False) -> Waiting:
        """Get in line; `urgent` goes before the others of its account."""
        self._look()
        waiting = Waiting(self, kind, account, urgent=urgent)
        self._place(waiting)
        return waiting

    def leave(self, waiting: Waiting) -> None:
        """Get out of the line."""
        if waiting.app is None:
            self._unserved.get(waiting.kind, OrderedDict()).pop(waiting, None)
        elif waiting.app in self._lines:
            self._lines[waiting.app].leave(waiting.account, waiting)

    def is_contended(self, app: str) -> bool:
        """Whether anybody waits for a turn of this app."""
        line = self._lines.get(app)
        return line is not None and line.waiting > 0

    def refresh(self) -> None:
        """Look again who may have a turn: apps came or went, or something may be sent again."""
        self._look()
        for app in tuple(self._lines):
            self._grant(app)

    def why(self, waiting: Waiting) -> str | None:
        """What one who is in line waits for."""
        closed = self._closed()
        if waiting.app is None:
            return closed or f"an app that serves {action_key(*waiting.kind)}"
        if closed is not None or time.monotonic() - waiting.since < SHOWN_AFTER_S:
            return closed
        return f"its turn at the app {waiting.app}"

    def counts(self) -> dict[str, TurnCounts]:
        """The turns of each app."""
        return {
            app: TurnCounts(line.limit, line.out, line.waiting, line.granted)
            for app, line in self._lines.items()
        }

    @property
    def unserved(self) -> int:
        """How many wait for an app that serves their action."""
        return sum(map(len, self._unserved.values()))

    def _turn(self, app: str, account: str) -> Turn:
        def give_back() -> None:
            self._lines[app].give_back(account)
            self._grant(app)

        return Turn(app, give_back)

    def _grant(self, app: str) -> None:
        line = self._lines[app]
        while line.waiting and self._closed() is None:
            waiting = line.grant()
            if waiting is None:
                return
            if not waiting.offer(self._turn(app, waiting.account)):
                line.give_back(waiting.account)

    def _place(self, waiting: Waiting) -> None:
        apps = self._least_busy_first(waiting.kind)
        if not apps:
            waiting.app = None
            self._unserved.setdefault(waiting.kind, OrderedDict())[waiting] = None
            return
        waiting.app = apps[0]
        self._lines[apps[0]].enter(waiting.account, waiting, urgent=waiting.urgent)
        self._grant(apps[0])

    def _least_busy_first(self, kind: Kind) -> list[str]:
        """The apps that serve an action; of those that are equally busy, each in its turn."""
        apps = self._serving(kind)
        if len(apps) < 2:  # noqa: PLR2004  (nothing to choose)
            return apps
        self._placed += 1
        first = self._placed % len(apps)
        return sorted(apps[first:] + apps[:first], key=self._load)

    def _serving(self, kind: Kind) -> list[str]:
        apps = self._apps.get(kind)
        if apps is None:
            apps = self._apps[kind] = self._directory.apps_for(*kind)
            for app in apps:
                if app not in self._lines:
                    self._lines[app] = FairTurns(self._limit(app))
        return apps

    def _load(self, app: str) -> float:
        line = self._lines[app]
        return (line.out + line.waiting) / max(line.limit, 1)

    def _limit(self, app: str) -> int:
        return TURNS_FOR_EACH * self._directory.capacity(app)

    def _look(self) -> None:
        """Take in which apps are alive, if that has changed, and move those who wait."""
        if self._version == self._directory.version:
            return
        self._version = self._directory.version
        self._apps.clear()
        for app, line in tuple(self._lines.items()):
            line.limit = self._limit(app)
            self._move_misplaced(app, line)
        for kind in tuple(self._unserved):
            if self._serving(kind):
                for waiting in self._unserved.pop(kind):
                    self._place(waiting)
        for app, line in tuple(self._lines.items()):
            if not (line.limit or line.out or line.waiting):
                del self._lines[app]

    def _move_misplaced(self, app: str, line: FairTurns[Waiting]) -> None:
        """Put those in another line whose action the app serves no more."""
        for account, waiting in tuple(line.tickets()):
            if app not in self._serving(waiting.kind):
                line.leave(account, waiting)
                self._place(waiting)
