"""Who is served next: turns of a limited number, shared out fairly among accounts. Pure.

An account with 10,000 tasks in the line is as far ahead as one with a single task: the account with
the fewest turns out is served first; of those that have equally many, the one that was served
longest ago, or came, if that was later. Within an account it is first come, first served.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Ticket = TypeVar("Ticket")
"""Stands for one who waits; hashable, and in the line once at most."""

_SLACK = 64


@dataclass(slots=True)
class _Account(Generic[Ticket]):
    """The part of one account: who of it waits, and how many turns it has out."""

    since: int
    """Number of the event from which on it has waited: its last grant, or its arrival."""
    out: int = 0
    urgent: OrderedDict[Ticket, None] = field(default_factory=OrderedDict)
    waiting: OrderedDict[Ticket, None] = field(default_factory=OrderedDict)

    @property
    def is_waiting(self) -> bool:
        return bool(self.urgent or self.waiting)

    def pop(self) -> Ticket:
        line = self.urgent or self.waiting
        return line.popitem(last=False)[0]


class FairTurns(Generic[Ticket]):
    """The turns of one app, those who hold one and those who wait for one.

    Each operation costs O(log n) at most, with n accounts that wait; `tickets` and nothing else
    goes through all who wait.

    Args:
        limit: how many turns may be out. When it falls, those that are out stay out.
    """

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.out = 0
        self.waiting = 0
        self.granted = 0
        """How many turns were given, from the start on."""
        self._accounts: dict[str, _Account[Ticket]] = {}
        self._heap: list[tuple[int, int, str]] = []
        self._events = 0

    def take(self, account: str) -> bool:
        """Take a turn at once; only when nobody waits for one, whoever it is."""
        if self.waiting or self.out >= self.limit:
            return False
        self._serve(self._account(account))
        return True

    def enter(self, account: str, ticket: Ticket, *, urgent: bool = False) -> None:
        """Wait for a turn; `urgent` goes before the others of its account, and no others."""
        mine = self._account(account)
        was_waiting = mine.is_waiting
        (mine.urgent if urgent else mine.waiting)[ticket] = None
        self.waiting += 1
        if not was_waiting:
            self._push(account, mine)

    def leave(self, account: str, ticket: Ticket) -> bool:
        """Wait no longer; false when the ticket does not wait, because it has its turn."""
        mine = self._accounts.get(account)
        if mine is None:
            return False
        for line in (mine.urgent, mine.waiting):
            if ticket in line:
                del line[ticket]
                self.waiting -= 1
                self._forget_if_idle(account, mine)
                return True
        return False

    def give_back(self, account: str) -> None:
        """Give back a turn that was taken or granted."""
        mine = self._accounts[account]
        mine.out -= 1
        self.out -= 1
        if mine.is_waiting:
            self._push(account, mine)
        else:
            self._forget_if_idle(account, mine)

    def grant(self) -> Ticket | None:
        """Give a free turn to whoever is next; `None` when no turn is free or nobody waits."""
        while self.out < self.limit and self._heap:
            out, since, account = heapq.heappop(self._heap)
            mine = self._accounts.get(account)
            if mine is None or (mine.out, mine.since) != (out, since) or not mine.is_waiting:
                continue  # it has changed since, and was put in anew
            ticket = mine.pop()
            self.waiting -= 1
            self._serve(mine)
            if mine.is_waiting:
                self._push(account, mine)
            return ticket
        return None

    def tickets(self) -> Iterator[tuple[str, Ticket]]:
        """All who wait, with their accounts; in each account in their order."""
        for account, mine in self._accounts.items():
            for line in (mine.urgent, mine.waiting):
                for ticket in line:
                    yield account, ticket

    def _account(self, account: str) -> _Account[Ticket]:
        mine = self._accounts.get(account)
        if mine is None:
            mine = self._accounts[account] = _Account(self._event())
        return mine

    def _serve(self, mine: _Account[Ticket]) -> None:
        mine.out += 1
        mine.since = self._event()
        self.out += 1
        self.granted += 1

    def _event(self) -> int:
        self._events += 1
        return self._events

    def _push(self, account: str, mine: _Account[Ticket]) -> None:
        heapq.heappush(self._heap, (mine.out, mine.since, account))
        if len(self._heap) > 2 * len(self._accounts) + _SLACK:  # mostly of those who have changed
            self._heap = [
                (one.out, one.since, name) for name, one in self._accounts.items() if one.is_waiting
            ]
            heapq.heapify(self._heap)

    def _forget_if_idle(self, account: str, mine: _Account[Ticket]) -> None:
        if not mine.out and not mine.is_waiting:
            del self._accounts[account]
