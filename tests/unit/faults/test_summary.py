"""The line of a row of the matrix, and the table that is made of these lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.faults.harness.matrix import SCALES, scaled
from tests.faults.harness.report import BEGIN, END, main, table, with_table
from tests.faults.harness.summary import Summary, append, latest
from tests.faults.harness.trace import Trace

ONE = Summary(
    id="F1",
    title="everything | mixed",
    lane="full",
    seed=17,
    ok=True,
    target="all right",
    figures={"faults": 200, "rerun_percent": 4.2},
    seconds=300.4,
    commit="abc",
    machine="2 cores",
    at="2026-01-01T00:00:00+00:00",
)


def test_a_line_holds_the_whole_summary() -> None:
    assert Summary.of_line(ONE.line()) == ONE
    assert "\n" not in ONE.line()


def test_a_failure_is_replayed_in_its_lane_with_its_seed() -> None:
    assert ONE.replay == "make faults ROW=F1 SEED=17"
    assert replace(ONE, lane="quick").replay == "make faults ROW=F1 SEED=17 LANE=quick"


def test_the_last_full_result_of_a_row_counts_and_a_quick_one_only_without() -> None:
    results = [
        replace(ONE, id="F10", seed=1),
        replace(ONE, seed=2),
        replace(ONE, seed=3, ok=False),
        replace(ONE, seed=4, lane="quick"),
        replace(ONE, id="F2", seed=5, lane="quick"),
        replace(ONE, id="F2", seed=6, lane="quick"),
    ]
    found = latest(result.line() for result in results)
    assert [(one.id, one.seed) for one in found] == [("F1", 3), ("F2", 6), ("F10", 1)]


def test_the_table_replaces_what_stood_between_the_markers(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "var" / "results.jsonl"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    append(results, ONE)
    main(page, results)
    text = page.read_text()
    assert "old" not in text
    assert "| F1 | everything \\| mixed | all right | faults 200, rerun percent 4.2 | ok |" in text
    assert text.startswith(f"above\n{BEGIN}\n")
    assert text.endswith(f"{END}\nbelow\n")


def test_a_failed_row_shows_in_the_table() -> None:
    assert "**failed**" in table([replace(ONE, ok=False)])


def test_without_markers_or_results_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="results: begin"):
        with_table("no markers", "table")
    with pytest.raises(SystemExit, match="make faults"):
        main(tmp_path / "page.md", tmp_path / "none.jsonl")


@dataclass(frozen=True)
class Size:
    faults: int = field(metadata={SCALES: True})
    tasks: int


def test_a_scale_multiplies_what_scales() -> None:
    assert scaled(Size(200, 60), 0.1) == Size(20, 60)
    assert scaled(Size(2, 60), 0.1) == Size(1, 60)


def test_a_trace_says_how_many_rows_were_run_again(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    assert Trace.read(path).executions == 0
    path.write_text("a,1,10\na,2,10\na,2,11\nb,1,10\n")
    trace = Trace.read(path)
    assert (trace.executions, trace.rows, trace.repeated, trace.most) == (4, 3, 1, 2)
    assert trace.share_of_repeats == 33.33
