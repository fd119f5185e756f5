"""A late event loop shows in the metrics and in the log; so does time in which nothing goes."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from kztasks.scheduler import vitals
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.vitals import TICK_S, Vitals


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


def test_the_greatest_lag_is_forgotten_after_two_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("kztasks.scheduler.vitals.time.monotonic", lambda: now)
    taken, metrics = pulse()
    taken.note(TICK_S + 0.2)
    shown = []
    for _ in range(3):
        shown.append(value(metrics, "kztasks_event_loop_lag_max_seconds"))
        now += vitals.WINDOW_S + 1
        taken.note(TICK_S)
    assert shown == pytest.approx([0.2, 0.2, 0.0])


@pytest.mark.parametrize(
    ("fenced", "blocked"), [(True, False), (False, True), (True, True), (False, False)]
)
def test_time_in_which_nothing_can_be_sent_adds_up(*, fenced: bool, blocked: bool) -> None:
    taken, metrics = pulse(fenced=fenced, blocked=blocked)
    for _ in range(10):
        taken.note(TICK_S)
    assert value(metrics, "kztasks_node_fenced_seconds_total") == pytest.approx(fenced * 1.0)
    assert value(metrics, "kztasks_broker_blocked_seconds_total") == pytest.approx(blocked * 1.0)
