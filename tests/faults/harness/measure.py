"""Figures out of samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from tests.faults.harness.members import Member

MIB: Final = 1024 * 1024


def percentile(samples: Sequence[float], percent: float) -> float:
    """The least sample that so many percent are not above; nearest rank, 2 decimals.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("a percentile of nothing")
    rank = max(1, math.ceil(len(samples) * percent / 100))
    return round(sorted(samples)[rank - 1], 2)


def spread(name: str, samples: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and largest of samples in seconds, as figures of a summary."""
    shares = (("p50", 50.0), ("p99", 99.0), ("max", 100.0))
    return {f"{name}_{label}_s": percentile(samples, percent) for label, percent in shares}


def largest_mib(members: Iterable[Member]) -> float:
    """Most MiB that one of these processes has had in memory, those that ended left out."""
    living = (one.present for one in members if one.present.process.poll() is None)
    return round(max(one.peak_memory for one in living) / MIB, 1)
