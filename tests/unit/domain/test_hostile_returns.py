"""Whatever an app sends as a return gets a meaning; nothing of it can end the scheduler."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import encode_rows
from kztasks.domain.batch import settle
from kztasks.domain.outcome import End, Rules, interpret
from tests.unit.domain.support import ALL_RULES, DEFAULT, NOINPUT, ROW, json_values, returns


@given(returned=returns, rules=st.sampled_from(ALL_RULES))
def test_any_return_has_an_outcome_that_can_be_written(
    returned: dict[str, Any], rules: Rules
) -> None:
    outcome = interpret(returned, rules, [] if rules.is_noinput else ROW)

    assert encode_rows(outcome.lines).count(b"\n") >= len(outcome.lines)
    assert all(cell is None or isinstance(cell, str) for line in outcome.lines for cell in line)
    assert outcome.failed in {0, 1}
    assert outcome.end in {None, *End}


@given(batch=st.lists(returns, max_size=6), rules=st.sampled_from(ALL_RULES))
def test_any_batch_of_returns_can_be_committed(batch: list[dict[str, Any]], rules: Rules) -> None:
    settled = settle(batch, rules, None if rules.is_noinput else [ROW] * len(batch))
    assert settled.processed <= len(batch)


@pytest.mark.parametrize("rules", [DEFAULT, NOINPUT])
@given(name=st.text(max_size=9).filter(lambda name: name != "next"), value=json_values)
def test_an_unknown_shape_fails_its_row_and_the_task_goes_on(
    rules: Rules, name: str, value: object
) -> None:
    outcome = interpret({f"?{name}": value}, rules, ROW)

    assert (outcome.failed, outcome.succeeded, outcome.end) == (1, 0, None)
    assert str(outcome.lines[0][-1]).startswith("unknown return: ?")


@pytest.mark.parametrize(
    "returned",
    [
        {},
        {"ok": "yes"},
        {"error": 5},
        {"text": None},
        {"row": "cells"},
        {"rows": {}},
        {"bad_fields": "a"},
        {"file": 1},
    ],
)
@pytest.mark.parametrize("rules", [DEFAULT, NOINPUT])
def test_a_known_shape_with_a_wrong_value_fails_its_row(
    returned: dict[str, Any], rules: Rules
) -> None:
    outcome = interpret(returned, rules, [] if rules.is_noinput else ROW)

    assert (outcome.failed, outcome.succeeded) == (1, 0)
    assert str(outcome.lines[0][-1]).startswith("unknown return")
