"""An app tells Prometheus how it is, in its text format and without its library."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as TheirHistogram
from prometheus_client.parser import text_string_to_metric_families

from tasks_bindings import Context, Row, ok
from tasks_bindings.metrics_text import Histogram, Metric, metrics_text
from tasks_bindings.sdk.dispatch import Dispatcher
from tasks_bindings.sdk.metrics import AppMetrics
from tasks_bindings.sdk.overdue import Overdue
from tests.unit.bindings.support import IDENTITY, MakeApp, batch, both, csv_app, numbered

BOUNDS = (0.001, 0.25, 1.0, 15.0)


def values(page: bytes) -> dict[str, float]:
    """The metrics without labels, as Prometheus' own parser reads them."""
    families = text_string_to_metric_families(page.decode())
    return {one.name: one.value for family in families for one in family.samples if not one.labels}


def test_a_page_is_as_the_format_says() -> None:
    page = metrics_text(
        [
            Metric("some_total", "counter", "Some\nthing \\ else", 12),
            Metric("other", "gauge", "Other", 0.25),
            Metric("on", "gauge", "Whether", True),
        ]
    )
    assert page == (
        b"# HELP some_total Some\\nthing \\\\ else\n# TYPE some_total counter\nsome_total 12.0\n"
        b"# HELP other Other\n# TYPE other gauge\nother 0.25\n"
        b"# HELP on Whether\n# TYPE on gauge\non 1.0\n"
    )


def test_a_histogram_is_written_as_the_library_of_the_other_processes_writes_it() -> None:
    registry = CollectorRegistry()
    theirs = TheirHistogram("lag", "How late", buckets=BOUNDS, registry=registry)
    ours = Histogram(BOUNDS)
    for value in (0.0, 0.001, 0.002, 0.25, 0.5, 100.0):
        theirs.observe(value)
        ours.observe(value)

    expected = [line for line in generate_latest(registry).splitlines() if b"_created" not in line]
    assert metrics_text([Metric("lag", "histogram", "How late", ours)]).splitlines() == expected


def crash_or_not_json(context: Context, data: object, args: Row) -> object:
    if args["a"] == "2":
        raise LookupError
    return {"a": object()} if args["a"] == "3" else ok()


@both
async def test_rows_and_crashes_are_counted_when_their_batch_ends(make: MakeApp) -> None:
    asked = Dispatcher(make(crash_or_not_json, on_crash="continue"), IDENTITY)
    metrics = AppMetrics(asked.overdue, lambda: True)
    for seq in (1, 2):
        await asked.batch(batch(numbered(5), seq=seq))
    await asked.batch(batch(numbered(5), seq=2, attempt=2))  # answered from memory

    told = values(metrics.text())
    assert told["kztasks_app_rows_run_total"] == 10
    assert told["kztasks_app_handler_crashes_total"] == 4
    assert told["kztasks_app_batches_running"] == 0


async def test_rows_of_a_batch_that_still_runs_are_counted_once() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handler(context: Context, data: object, args: Row) -> object:
        if args["a"] == "3":
            entered.set()
            await go_on.wait()
        return ok()

    asked = Dispatcher(csv_app(handler), IDENTITY)
    metrics = AppMetrics(asked.overdue, lambda: True)
    running = asyncio.create_task(asked.batch(batch(numbered(4))))
    await entered.wait()
    during = values(metrics.text())
    go_on.set()
    await running
    after = values(metrics.text())

    assert during["kztasks_app_batches_running"] == 1
    assert during["kztasks_app_rows_run_total"] == 2
    assert after["kztasks_app_rows_run_total"] == 4


@pytest.mark.parametrize("is_connected", [True, False])
def test_an_app_says_whether_it_has_a_session_and_how_late_its_loop_is(
    *, is_connected: bool
) -> None:
    metrics = AppMetrics(Overdue(), lambda: is_connected)
    metrics.note_lag(0.4, 0.4)
    metrics.note_lag(0.0, 0.4)

    told = values(metrics.text())
    assert told["kztasks_broker_connected"] == is_connected
    assert told["kztasks_event_loop_lag_max_seconds"] == 0.4
    assert told["kztasks_event_loop_lag_seconds_count"] == 2
    assert told["kztasks_app_handlers_stuck"] == 0
