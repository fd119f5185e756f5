"""Metrics as Prometheus reads them, for processes that have no library for it.

The form is the text format 0.0.4:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """Counts observations by size.

    Args:
        bounds: the greatest value of each bucket, in ascending order; larger ones have their own.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self) -> Iterator[tuple[str, float]]:
        """What follows the metric's name on each of its lines, and the number there."""
        bounds = (*map(str, self._bounds), "+Inf")
        for bound, count in zip(bounds, accumulate(self._counts), strict=True):
            yield f'_bucket{{le="{bound}"}}', count
        yield "_count", sum(self._counts)
        yield "_sum", self._sum


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric without labels; the name of a counter ends with `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    value: float | Histogram


def metrics_text(metrics: Iterable[Metric]) -> bytes:
    """The page that a `/metrics` answers with."""
    return "".join(line for metric in metrics for line in _lines(metric)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    meaning = metric.meaning.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {metric.name} {meaning}\n# TYPE {metric.name} {metric.kind}\n"
    value = metric.value
    samples = value.samples() if isinstance(value, Histogram) else (("", value),)
    for suffix, number in samples:
        yield f"{metric.name}{suffix} {float(number)!r}\n"
