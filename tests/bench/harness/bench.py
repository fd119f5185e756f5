"""What every case is given, and what a case is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench.harness.results import CaseResult
from tests.servers.rabbitmq import Rabbitmq


@dataclass(frozen=True, slots=True)
class Bench:
    """The suite's broker, its folder, and how much is to be done."""

    broker: Rabbitmq
    folder: Path
    scale: float
    rounds: int

    def scaled(self, count: int, *, least: int = 10) -> int:
        """A number of rows, tasks or requests, times the scale."""
        return max(least, round(count * self.scale))


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is measured by itself: `run` is given the bench and the case."""

    name: str
    title: str
    run: Callable[[Bench, Case], CaseResult]


def chosen(cases: tuple[Case, ...], patterns: str | None) -> tuple[Case, ...]:
    """The cases whose name fits one of the patterns (`identity*,stop`); all without a pattern.

    Raises:
        SystemExit: none fits; says what there is.
    """
    if not patterns:
        return cases
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    found = tuple(
        case for case in cases if any(fnmatchcase(case.name, pattern) for pattern in wanted)
    )
    if not found:
        names = ", ".join(case.name for case in cases)
        raise SystemExit(f"no case is named {patterns}; there are {names}")
    return found
