"""A late event loop shows in the metrics and in the log; so does time in which nothing goes."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.vitals import Vitals
from tasks_bindings.loop_watch import TICK_S


def pulse(*, fenced: bool = False, blocked: bool = False) -> tuple[Vitals, SchedulerMetrics]:
    metrics = SchedulerMetrics()
    taken = Vitals(metrics, is_fenced=lambda: fenced, is_blocked=lambda: blocked)
    return taken, metrics


def value(metrics: SchedulerMetrics, name: str) -> float:
    found = metrics.registry.get_sample_value(name)
    assert found is not None, name
    return found


async def test_a_loop_that_was_held_up_is_measured_and_logged() -> None:
    taken, metrics = pulse()
    running = asyncio.create_task(taken.run())
    with capture_logs() as logged:
        await asyncio.sleep(0)
        time.sleep(TICK_S + 0.4)  # noqa: ASYNC251  (this is what is to be found)
        await asyncio.sleep(TICK_S)
        running.cancel()

    assert [one["event"] for one in logged] == ["event_loop_late"]
    assert logged[0]["lag_s"] > 0.3
    assert value(metrics, "kztasks_event_loop_lag_max_seconds") > 0.3
    assert value(metrics, "kztasks_event_loop_lag_seconds_count") >= 1


@pytest.mark.parametrize(
    ("fenced", "blocked"), [(True, False), (False, True), (True, True), (False, False)]
)
def test_time_in_which_nothing_can_be_sent_adds_up(*, fenced: bool, blocked: bool) -> None:
    taken, metrics = pulse(fenced=fenced, blocked=blocked)
    for _ in range(10):
        taken.note(0.1, 0.1)
    assert value(metrics, "kztasks_node_fenced_seconds_total") == pytest.approx(
        fenced * 10 * (TICK_S + 0.1)
    )
    assert value(metrics, "kztasks_broker_blocked_seconds_total") == pytest.approx(
        blocked * 10 * (TICK_S + 0.1)
    )
