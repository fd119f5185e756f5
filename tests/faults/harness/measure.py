"""Figures out of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
