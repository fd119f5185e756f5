"""What a test of this folder is made of: a row of the matrix, in two sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

import pytest

from tests.faults.harness.summary import MatrixRow

T = TypeVar("T")
S = TypeVar("S")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

FULL: Final = "full"
QUICK: Final = "quick"
SCALES: Final = "scales"
"""Metadata of a field of a size: `SCALE=` multiplies it."""


def matrix_row(
    row: MatrixRow, *, full: T, full_s: float, quick: T | None = None, quick_s: float = 60.0
) -> Decorator:
    """Decorator: a test that is a row of the matrix; it takes `lab` and `size`.

    Args:
        row: its id, title and target.
        full: the size for `make faults`.
        full_s: seconds after which the full one has failed, whatever it does.
        quick: the size that every push runs; none if there is no quick lane.
        quick_s: as `full_s`.
    """
    lanes = [(FULL, full, full_s, pytest.mark.faults)]
    if quick is not None:
        lanes.append((QUICK, quick, quick_s, pytest.mark.faults_quick))
    sizes = [
        pytest.param(size, id=lane, marks=[mark, pytest.mark.timeout(seconds)])
        for lane, size, seconds, mark in lanes
    ]

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        decorated = pytest.mark.parametrize("size", sizes, indirect=True)(test)
        marked: Callable[..., Any] = pytest.mark.matrix(row)(decorated)
        return marked

    return decorate


def scaled(size: S, factor: float) -> S:
    """A size with every number that scales multiplied; 1 at least."""
    if factor == 1 or not is_dataclass(size) or isinstance(size, type):
        return size
    changed = {
        one.name: max(1, round(getattr(size, one.name) * factor))
        for one in fields(size)
        if one.metadata.get(SCALES)
    }
    return replace(size, **changed)


def row_of(item: pytest.Item) -> MatrixRow | None:
    """The row that a test is; `None` for any other test."""
    marker = item.get_closest_marker("matrix")
    return marker.args[0] if marker is not None else None


def lane_of(item: pytest.Item) -> str:
    """In which lane a test runs."""
    return QUICK if item.get_closest_marker("faults_quick") is not None else FULL
