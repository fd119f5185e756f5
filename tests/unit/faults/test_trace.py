"""The trace tells how often rows ran, and how many of a task at the same time."""

from __future__ import annotations

from pathlib import Path

from tests.faults.harness.trace import Trace


def spans(*runs: tuple[str, int, int, int]) -> Trace:
    return Trace(tuple((task, row, 1) for task, row, _, _ in runs), runs)


def test_rows_one_after_another_are_one_at_once() -> None:
    assert spans(("a", 1, 0, 10), ("a", 2, 10, 20), ("a", 3, 25, 30)).most_at_once == 1


def test_rows_of_one_task_that_overlap_are_counted() -> None:
    assert spans(("a", 1, 0, 10), ("a", 6, 5, 15), ("a", 11, 9, 12)).most_at_once == 3


def test_rows_of_different_tasks_are_not_counted_together() -> None:
    assert spans(("a", 1, 0, 10), ("b", 1, 0, 10)).most_at_once == 1


def test_a_row_that_is_run_again_beside_another_one_does_not_count() -> None:
    assert spans(("a", 1, 0, 10), ("a", 2, 10, 20), ("a", 1, 12, 18)).most_at_once == 1


def test_lines_with_and_without_times_are_runs(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("a,1,77\nb,1,77,5,9\nb,1,78,20,30\n")
    trace = Trace.read(path)
    assert (trace.executions, trace.rows, trace.repeated) == (3, 2, 1)
    assert trace.spans == (("b", 1, 5, 9), ("b", 1, 20, 30))
