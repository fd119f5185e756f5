"""A script of returns means the same however it is cut into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import Row
from kztasks.domain.batch import BatchOutcome, settle
from kztasks.domain.lines import kept_columns, project
from kztasks.domain.outcome import End, Rules, plain_cells
from tests.unit.domain.support import ADDED, ALL_RULES, DEFAULT, NOINPUT, cells, returns


@dataclass(frozen=True)
class Script:
    """Returns for the rows of a task; `rows` is `None` for a task without input."""

    returns: list[dict[str, Any]]
    rows: list[Row] | None
    rules: Rules


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """A script of up to nine returns, honest ones and lies."""
    script = draw(st.lists(returns, max_size=9))
    rules = draw(st.sampled_from(ALL_RULES))
    rows: list[Row] | None = None
    if not rules.is_noinput:
        row = st.lists(cells, min_size=2, max_size=2)
        rows = draw(st.lists(row, min_size=len(script), max_size=len(script)))
    return Script(script, rows, rules)


def run(script: Script, cuts: Sequence[int]) -> list[BatchOutcome]:
    """The script in batches that begin at the cuts, up to the one that ends the task."""
    outcomes: list[BatchOutcome] = []
    for start, end in zip([0, *cuts], [*cuts, len(script.returns)], strict=True):
        rows = None if script.rows is None else script.rows[start:end]
        outcome = settle(script.returns[start:end], script.rules, rows)
        outcomes.append(outcome)
        if outcome.end is not None:
            break
    return outcomes


def total(outcomes: list[BatchOutcome], rules: Rules) -> tuple[Any, ...]:
    """What a task is left with: lines of its output, counts and its end."""
    written = tuple(sorted({column for one in outcomes for column in one.written}))
    kept = kept_columns(written, len(rules.header.columns))
    output = b"".join(project(one.output, one.columns, kept) for one in outcomes)
    counts = [
        sum(getattr(one, name) for one in outcomes) for name in ("processed", "failed", "succeeded")
    ]
    return output, written, counts, outcomes[-1].end, outcomes[-1].file


@given(script=scripts(), data=st.data())
def test_cutting_a_script_into_batches_anywhere_changes_nothing(
    script: Script, data: st.DataObject
) -> None:
    places = st.lists(st.integers(0, len(script.returns)), max_size=5).map(sorted)
    cuts = data.draw(places)

    assert total(run(script, cuts), script.rules) == total(run(script, []), script.rules)


@given(script=scripts())
def test_the_common_return_means_what_it_means_by_the_list(script: Script) -> None:
    """The quick way past the seed's list gives the same as the list."""
    quick = settle(script.returns, script.rules, script.rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kztasks.domain.batch.plain_cells", lambda _returned: None)
        by_the_list = settle(script.returns, script.rules, script.rows)

    assert quick == by_the_list


@pytest.mark.parametrize(
    "returned",
    [
        {"row": ["x"], "next": "stop"},
        {"row": ["x"], "error": "no"},
        {"row": []},
        {"row": ["x", 1]},
        {"row": ["x", ["y"]]},
        {"row": {"x": "7"}},
        {"error": "no"},
    ],
)
def test_only_a_row_of_texts_is_the_common_return(returned: dict[str, Any]) -> None:
    assert plain_cells(returned) is None


def test_nothing_counts_after_the_return_that_ends_the_task() -> None:
    ending: list[dict[str, Any]] = [{"ok": True}, {"ok": True, "next": "stop"}, {"error": "late"}]
    outcome = settle(ending, DEFAULT, [["1", "2"]] * 3)

    assert (outcome.processed, outcome.succeeded, outcome.failed) == (2, 2, 0)
    assert (outcome.end, outcome.output) == (End.STOP, b"")


def test_a_bare_stop_uses_its_row_up() -> None:
    outcome = settle([{"stop": True}, {"ok": True}], DEFAULT, [["1", "2"]] * 2)
    assert (outcome.processed, outcome.succeeded) == (1, 0)


def test_columns_that_no_row_of_the_batch_wrote_are_left_out() -> None:
    outcome = settle([{"row": {"x": "7"}}, {"row": {}}], ADDED, [["1", None], ["2", None]])

    assert outcome.columns == outcome.written == (0, 2)
    assert outcome.output == b'"1","7"\n"2",\n'


def test_a_batch_may_be_answered_in_part() -> None:
    outcome = settle([{"error": "no"}], DEFAULT, [["1", "2"], ["3", "4"]])
    assert (outcome.processed, outcome.failed) == (1, 1)


def test_a_task_without_input_writes_as_many_lines_as_it_likes() -> None:
    many: list[dict[str, Any]] = [{"rows": [["1", "2", "3"]] * 3}, {"text": "end", "next": "stop"}]
    outcome = settle(many, NOINPUT, None)

    assert (outcome.processed, outcome.succeeded) == (2, 4)
    assert outcome.output == b'"1","2","3"\n' * 3 + b'"end"\n'


def test_it_is_kept_which_rows_failed_and_which_lines_say_so() -> None:
    script: list[dict[str, Any]] = [
        {"ok": True},
        {"error": "no"},
        {"row": ["x"]},
        {"bad_fields": ["a"]},
    ]
    outcome = settle(script, DEFAULT, [["1", "2"]] * 4)

    assert outcome.failed_rows == (1, 3)
    assert outcome.failed_lines == (0, 2)


def test_a_failed_call_that_wrote_nothing_has_no_line() -> None:
    outcome = settle([{"other": 1}, {"row": ["x"] * len(NOINPUT.header.columns)}], NOINPUT, None)

    assert (outcome.failed_rows, outcome.failed_lines) == ((0,), ())
