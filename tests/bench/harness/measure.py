"""Contenders in turn, round by round; and what they cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.harness.results import Series


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is measured: `run` does it once and gives the seconds."""

    name: str
    amount: float
    unit: str
    run: Callable[[], float]


def in_turn(contenders: Sequence[Contender], rounds: int) -> tuple[Series, ...]:
    """Run each contender once in each round; every round begins with another one.

    What the machine does beside them then falls on all of them alike.
    """
    seconds: dict[str, list[float]] = {one.name: [] for one in contenders}
    for number in range(rounds):
        first = number % len(contenders)
        for one in (*contenders[first:], *contenders[:first]):
            seconds[one.name].append(one.run())
    return tuple(
        Series(one.name, one.amount, one.unit, tuple(seconds[one.name])) for one in contenders
    )


def medians(costs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each name over the rounds."""
    found: dict[str, list[float]] = {}
    for cost in costs:
        for name, value in cost.items():
            found.setdefault(name, []).append(value)
    return {name: round(statistics.median(values), 2) for name, values in found.items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """How much each name has grown."""
    return {name: after[name] - before[name] for name in before}
