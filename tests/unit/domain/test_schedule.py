"""When a schedule makes a task, and what becomes of all other moments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.schedule import (
    MOST_QUEUED,
    Missed,
    Overlap,
    RunOutcome,
    Schedule,
    ScheduleRun,
    Step,
    asked_for,
    ended,
    paused,
    resumed,
    step,
    taken_over,
)
from kztasks.domain.timing import Timing
from kztasks.errors import Invalid

BERLIN = ZoneInfo("Europe/Berlin")
T0 = 1_790_000_000 // 600 * 600
RUN = ScheduleRun(0, "t1", "n1")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


def berlin(moments: list[int]) -> list[str]:
    return [datetime.fromtimestamp(one, BERLIN).isoformat()[5:] for one in moments]


def a_schedule(**changes: object) -> Schedule:
    schedule = Schedule(
        id="s",
        account_id="a",
        auth_account_id="a",
        category="c",
        action="x",
        timing=Timing("*/10 * * * *"),
        created=T0,
        next=T0 + 600,
    )
    return replace(schedule, **changes)  # type: ignore[arg-type]  # the test says what it changes


def stepped(schedule: Schedule, now: int, *, is_busy: bool = False) -> Step:
    found = step(schedule, now, is_busy=is_busy, run=RUN)
    assert found is not None
    assert found.schedule.version == schedule.version + 1
    return found


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        ("30 2 * * *", "2026-03-28T12:00", ["03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]),
        ("30 2 * * *", "2026-10-24T12:00", ["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"]),
        ("0 * * * *", "2026-10-25T01:30", ["10-25T02:00:00+02:00", "10-25T02:00:00+01:00"]),
        ("0 0 L * *", "2028-02-10T00:00", ["02-29T00:00:00+01:00", "03-31T00:00:00+02:00"]),
    ],
)
def test_clock_changes_and_ends_of_months_are_as_in_debians_cron(
    cron: str, start: str, expected: list[str]
) -> None:
    timing = Timing(cron, "Europe/Berlin")
    assert berlin(timing.upcoming(at(start), 2)) == expected


@pytest.mark.parametrize(
    ("timing", "problem"),
    [
        (Timing(), "either"),
        (Timing("* * * * *", at=1), "either"),
        (Timing("* * * * * *"), "five fields"),
        (Timing("61 * * * *"), "minute"),
        (Timing("0 0 31 2 *"), "day-of-month"),
        (Timing("* * * * *", "Mars/Olympus"), "time zone"),
        (Timing("* * * * *", "../../etc/passwd"), "time zone"),
        (Timing("* * * * *", ""), "time zone"),
    ],
)
def test_a_timing_that_makes_no_sense_is_refused_by_its_field(timing: Timing, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        timing.check()


@given(
    steps=st.lists(st.integers(1, 5_000), min_size=1, max_size=60),
    busy=st.lists(st.booleans(), min_size=60, max_size=60),
    overlap=st.sampled_from(Overlap),
    missed=st.sampled_from(Missed),
)
def test_each_moment_gets_one_task_or_one_record(
    steps: list[int], busy: list[bool], overlap: Overlap, missed: Missed
) -> None:
    schedule, now = a_schedule(overlap=overlap, missed=missed), T0
    made: list[int] = []
    recorded = 0
    for seconds, is_busy in zip(steps, busy, strict=False):
        now += seconds
        found = step(schedule, now, is_busy=is_busy, run=RUN)
        if found is None:
            continue
        recorded += sum(record.count for record in found.records)
        schedule = found.schedule
        if schedule.run is not None:
            made.append(schedule.run.instant)
            schedule = ended(schedule)
    assert made == sorted(set(made))
    passed = now // 600 - T0 // 600
    assert len(made) + recorded + len(schedule.queue) == passed
    assert schedule.next == (now // 600 + 1) * 600


def test_a_moment_is_made_a_task_of_once() -> None:
    schedule = stepped(a_schedule(), T0 + 601).schedule
    assert schedule.run == replace(RUN, instant=T0 + 600)
    assert step(schedule, T0 + 602, is_busy=False, run=RUN) is None
    schedule = ended(schedule)
    assert (schedule.run, schedule.last_task_id) == (None, "t1")
    assert step(schedule, T0 + 603, is_busy=False, run=RUN) is None


def test_while_the_last_task_runs_a_moment_is_skipped_queued_or_not_minded() -> None:
    now = T0 + 601
    skipped = stepped(a_schedule(), now, is_busy=True)
    assert [one.outcome for one in skipped.records] == [RunOutcome.SKIPPED]
    assert skipped.schedule.run is None
    allowed = stepped(a_schedule(overlap=Overlap.ALLOW), now, is_busy=True)
    assert allowed.schedule.run is not None
    queued = stepped(a_schedule(overlap=Overlap.QUEUE), now, is_busy=True)
    assert (queued.schedule.queue, queued.schedule.run) == ((T0 + 600,), None)
    later = stepped(queued.schedule, T0 + 1201, is_busy=True).schedule
    assert later.queue == (T0 + 600, T0 + 1200)
    after = stepped(later, T0 + 1300).schedule
    assert after.run is not None
    assert (after.run.instant, after.queue) == (T0 + 600, (T0 + 1200,))


def test_the_queue_is_bounded() -> None:
    full = a_schedule(overlap=Overlap.QUEUE, queue=tuple(range(MOST_QUEUED)))
    found = stepped(full, T0 + 601, is_busy=True)
    assert len(found.schedule.queue) == MOST_QUEUED
    assert [one.outcome for one in found.records] == [RunOutcome.SKIPPED]
    with pytest.raises(Invalid):
        asked_for(full, T0)


def test_moments_that_nobody_noticed_are_made_up_for_once_or_left_out() -> None:
    now = T0 + 3 * 600 + 300
    late = stepped(a_schedule(), now)
    assert late.schedule.run == replace(RUN, instant=T0 + 1800)
    assert [(one.outcome, one.count, one.instant) for one in late.records] == [
        (RunOutcome.MISSED, 2, T0 + 1200)
    ]
    left_out = stepped(a_schedule(missed=Missed.SKIP), now)
    assert left_out.schedule.run is None
    assert [(one.count, one.instant) for one in left_out.records] == [(3, T0 + 1800)]


def test_a_year_of_missed_minutes_costs_no_time() -> None:
    schedule = a_schedule(timing=Timing("* * * * *"), next=T0 + 60)
    found = stepped(schedule, T0 + 366 * 86_400)
    assert [(one.count, one.instant) for one in found.records] == [(1000, T0 + 366 * 86_400 - 60)]


def test_one_moment_is_fired_for_and_then_there_is_no_other() -> None:
    once = a_schedule(timing=Timing(at=T0 + 600))
    schedule = ended(stepped(once, T0 + 600).schedule)
    assert schedule.next is None
    assert step(schedule, T0 + 9_000, is_busy=False, run=RUN) is None


def test_a_paused_schedule_makes_none_but_what_is_asked_for_and_goes_on_with_the_next() -> None:
    schedule = paused(a_schedule())
    assert step(schedule, T0 + 6000, is_busy=False, run=RUN) is None
    asked = stepped(asked_for(schedule, T0 + 6000), T0 + 6001).schedule
    assert asked.run == replace(RUN, instant=T0 + 6000)
    assert resumed(schedule, T0 + 6001).next == T0 + 6600


def test_another_scheduler_makes_the_same_task() -> None:
    schedule = stepped(a_schedule(), T0 + 601).schedule
    other = taken_over(schedule, "n2")
    assert other.run == ScheduleRun(T0 + 600, "t1", "n2", 2)
    assert other.version == schedule.version + 1
