"""What of a task's belongings may go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.retention import Belongings, Trace, left_behind, owner_of

FILES = st.lists(st.sampled_from("abcdef"), unique=True).map(tuple)
BELONGINGS = st.builds(Belongings, st.just("t"), FILES, st.booleans())
KNOWN = st.frozensets(st.sampled_from("abcdef"))
RUNNING = st.builds(Trace, st.just(value=False), KNOWN, st.booleans())
ENDED = st.builds(Trace, st.just(value=True), KNOWN, st.booleans())


@given(BELONGINGS, RUNNING)
def test_nothing_of_a_pending_or_executing_task_goes(belongings: Belongings, task: Trace) -> None:
    left = left_behind(belongings, task)
    assert not left.file_ids
    assert not left.log


@given(BELONGINGS, RUNNING)
def test_a_file_that_a_running_task_does_not_know_yet_is_looked_at_again(
    belongings: Belongings, task: Trace
) -> None:
    left = left_behind(belongings, task)
    assert left.is_open == (not set(belongings.file_ids) <= task.file_ids)
    assert left.is_nothing == (not left.is_open)


@given(BELONGINGS, ENDED)
def test_of_an_ended_task_what_it_does_not_know_goes_and_its_log_if_it_is_removed(
    belongings: Belongings, task: Trace
) -> None:
    left = left_behind(belongings, task)
    assert set(left.file_ids) == set(belongings.file_ids) - task.file_ids
    assert left.log == (belongings.log and task.is_log_removed)
    assert not left.is_open


@given(BELONGINGS)
def test_of_a_task_that_is_gone_everything_goes(belongings: Belongings) -> None:
    left = left_behind(belongings, None)
    assert (left.file_ids, left.log, left.is_open) == (belongings.file_ids, belongings.log, False)


@given(st.from_regex(r"[0-9a-f]{30}", fullmatch=True), st.text(max_size=20))
def test_the_id_of_a_file_says_whose_it_is(task_id: str, rest: str) -> None:
    assert owner_of(f"{task_id}.in.csv") == task_id
    assert owner_of(f"{task_id}/{rest}/0") == task_id
