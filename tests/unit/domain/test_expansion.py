"""A small answer that would grow large ends its task before it grows."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from kztasks.csvio import Row
from kztasks.domain.batch import settle
from kztasks.domain.expansion import MAX_CELLS, MAX_REPEATED_CHARS
from kztasks.domain.header import csv_header, whole_header
from kztasks.domain.outcome import End, Rules

WIDTH = 1000
COLUMNS = tuple(f"c{number}" for number in range(WIDTH))
WIDE = Rules(whole_header(COLUMNS), None)
MOST = MAX_CELLS // WIDTH
MESSAGE_FULL = 1_300_000
"""So many empty rows are in a message of 4 MiB."""


def test_empty_rows_that_fill_a_message_are_not_padded() -> None:
    returns: list[dict[str, Any]] = [{"rows": [{}] * MESSAGE_FULL}]
    tracemalloc.start()
    started = time.monotonic()
    settled = settle(returns, WIDE, None)
    seconds, peak = time.monotonic() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (settled.end, settled.output, settled.succeeded) == (End.FAULT, b"", 0)
    assert settled.reason == f"the rows of a batch returned more than {MAX_CELLS} cells"
    assert peak < 1024 * 1024
    assert seconds < 1


@pytest.mark.parametrize(("rows", "end"), [(MOST, None), (MOST + 1, End.FAULT)])
def test_rows_up_to_the_limit_are_written(rows: int, end: End | None) -> None:
    settled = settle([{"rows": [{}] * rows}], WIDE, None)

    assert settled.end == end
    assert settled.output.count(b"\n") == (0 if end else rows)


def test_returns_of_one_batch_count_together_and_those_before_are_kept() -> None:
    half = {"rows": [{"c0": "x"}] * (MOST // 2 + 1)}
    settled = settle([half, half, half], WIDE, None)

    assert (settled.end, settled.processed) == (End.FAULT, 2)
    assert settled.output == b'"x"\n' * (MOST // 2 + 1)
    assert settled.succeeded == MOST // 2 + 1


def test_rows_of_a_csv_are_measured_too() -> None:
    rules = Rules(csv_header(("a",), COLUMNS), ("a",))
    rows: list[Any] = [["1"]] * MOST
    settled = settle([{"row": []} if n == 3 else {"row": {}} for n in range(MOST)], rules, rows)

    assert settled.end is End.FAULT
    assert MOST - 10 < settled.processed < MOST


@pytest.mark.parametrize(
    ("rules", "returned"),
    [
        (Rules(whole_header(("a",) * WIDTH), None), {"row": {"a": "x" * 100_000}}),
        (Rules(whole_header(("error",) * WIDTH), None), {"error": "x" * 60_000}),
        (Rules(whole_header(("a",) * WIDTH), ("a",)), {"row": {"a": "x" * 100_000}}),
        (Rules(csv_header(("a",) * WIDTH, ("x",)), ("a",) * WIDTH), {"row": {"a": "x" * 100_000}}),
    ],
)
def test_a_header_that_repeats_a_name_does_not_multiply_a_large_cell(
    rules: Rules, returned: dict[str, Any]
) -> None:
    row: Row = ["1"] * len(rules.input_columns or ())
    rows = None if rules.is_noinput else [row]
    settled = settle([returned], rules, rows)

    assert settled.end is End.FAULT
    assert str(MAX_REPEATED_CHARS) in (settled.reason or "")
    assert settled.output == b""


def test_lines_shorter_than_the_header_count_as_long_as_they_are() -> None:
    settled = settle([{"text": "x", "next": "data"}] * (MOST + 1), WIDE, None)

    assert settled.end is None
    assert settled.succeeded == MOST + 1


def test_a_header_that_repeats_a_name_is_good_otherwise() -> None:
    rules = Rules(whole_header(("a", "a")), None)

    assert settle([{"row": {"a": "x"}}], rules, None).output == b'"x","x"\n'
