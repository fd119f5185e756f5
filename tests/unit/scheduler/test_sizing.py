"""Batches are cut by time: quick to stop when rows are slow, few messages when they are fast."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.scheduler.sizing import FIRST_ROWS, GROWTH, BatchSizer

MAX_ROWS = 1000


seconds = st.floats(min_value=0) | st.just(float("nan")) | st.just(5e-324)
"""Whatever an app may say that a batch took."""


def sizer(*, target_s: float = 0.25, max_rows: int = MAX_ROWS) -> BatchSizer:
    return BatchSizer(target_s=target_s, max_rows=max_rows)


def test_the_first_batch_is_small_as_nobody_knows_how_long_a_row_takes() -> None:
    assert sizer().rows(0) == FIRST_ROWS
    assert sizer(max_rows=3).rows(0) == 3


def test_with_a_pause_the_first_batch_is_one_row() -> None:
    assert sizer().rows(0.001) == 1


def test_the_first_batch_is_cut_by_time_if_other_tasks_know_how_long_a_row_takes() -> None:
    assert BatchSizer(target_s=0.25, max_rows=MAX_ROWS, row_s=0.001).rows(0) == 250
    assert BatchSizer(target_s=0.25, max_rows=MAX_ROWS, row_s=0.0).rows(0) == MAX_ROWS
    assert BatchSizer(target_s=0.25, max_rows=MAX_ROWS, row_s=0.0).rows(0.5) == 1


def test_a_task_whose_rows_take_longer_than_those_of_others_learns_so_at_once() -> None:
    one = BatchSizer(target_s=0.25, max_rows=MAX_ROWS, row_s=0.0001)
    one.learn(rows=10, worked_s=1.0)
    assert one.rows(0) <= 5


def test_batches_of_fast_rows_grow_step_by_step_up_to_the_limit() -> None:
    one, sizes = sizer(), []
    for _ in range(6):
        sizes.append(one.rows(0))
        one.learn(rows=sizes[-1], worked_s=0.0)

    assert sizes[:4] == [FIRST_ROWS, FIRST_ROWS * GROWTH, FIRST_ROWS * GROWTH**2, FIRST_ROWS * 64]
    assert sizes[4:] == [MAX_ROWS, MAX_ROWS]


def test_a_batch_holds_as_many_rows_as_fit_into_its_time() -> None:
    one = sizer(target_s=0.25)
    for _ in range(4):
        one.learn(rows=10, worked_s=0.1)

    assert one.rows(0) == pytest.approx(25, abs=1)


def test_pauses_count_as_time() -> None:
    one = sizer(target_s=0.25)
    for _ in range(4):
        one.learn(rows=10, worked_s=0.0)

    assert one.rows(0.05) == 5
    assert one.rows(0.5) == 1


def test_rows_that_become_slow_make_the_next_batches_smaller() -> None:
    one = sizer(target_s=0.25)
    one.learn(rows=10, worked_s=0.001)
    before = one.rows(0)
    one.learn(rows=before, worked_s=before * 0.1)

    assert one.rows(0) <= 5 < before


def test_a_reply_without_rows_teaches_nothing() -> None:
    one = sizer()
    one.learn(rows=0, worked_s=10.0)
    assert one.rows(0) == FIRST_ROWS


@given(
    learned=st.lists(st.tuples(st.integers(0, MAX_ROWS), seconds), max_size=6),
    pause_s=st.floats(0, 3600),
)
def test_a_batch_always_holds_one_row_and_never_more_than_the_limit(
    learned: list[tuple[int, float]], pause_s: float
) -> None:
    one = sizer()
    for rows, worked_s in learned:
        one.learn(rows=rows, worked_s=worked_s)
    assert 1 <= one.rows(pause_s) <= MAX_ROWS


def test_what_does_not_fit_into_a_message_is_halved_for_good() -> None:
    one = grown()
    one.halve(MAX_ROWS)
    for _ in range(5):
        assert one.rows(0) <= MAX_ROWS // 2
        one.learn(rows=one.rows(0), worked_s=0.0)

    one.halve(1)
    assert one.rows(0) == 1


def grown() -> BatchSizer:
    """A sizer that has come to know rows that take no time."""
    one = sizer()
    while one.rows(0) < MAX_ROWS:
        one.learn(rows=one.rows(0), worked_s=0.0)
    return one


@given(poison=st.integers(0, 2999), rows=st.integers(1, 3000))
def test_a_row_that_kills_its_app_is_found_by_halving(poison: int, rows: int) -> None:
    one, first, deaths, blamed = grown(), 0, 0, None
    while first < rows:
        count = min(one.rows(0), rows - first)
        if not first <= poison < first + count:
            one.learn(rows=count, worked_s=0.0)
            first += count
            continue
        deaths += 1
        one.suspect(count)
        if count == 1:
            blamed = first
            one.cleared(1)
            first += 1

    assert blamed == (poison if poison < rows else None)
    assert deaths <= math.ceil(math.log2(MAX_ROWS)) + 1


def test_batches_are_large_again_once_the_row_was_found() -> None:
    one = grown()
    one.suspect(2)
    assert (one.rows(0), one.is_searching) == (1, True)
    one.cleared(1)
    assert (one.rows(0), one.is_searching) == (1, True)
    one.cleared(1)
    assert (one.rows(0), one.is_searching) == (MAX_ROWS, False)
