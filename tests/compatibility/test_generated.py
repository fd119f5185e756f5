"""Tasks that nobody has recorded come out as the original's rules, and ours, say.

What a handler returns is cut into batches anywhere, with `Data` as JSON at their borders.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.compatibility.expected import as_seen, expected
from tests.compatibility.generated import csv_cases, noinput_cases
from tests.compatibility.original.case import Case
from tests.compatibility.pure import PureRun

cuts = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@settings(max_examples=600)
@given(case=csv_cases() | noinput_cases(), cuts=cuts)
def test_any_task_comes_out_by_the_rules_however_it_is_cut(
    case: Case, cuts: tuple[int, ...]
) -> None:
    with capture_logs():
        assert as_seen(PureRun(case, cuts).run()) == expected(case)
