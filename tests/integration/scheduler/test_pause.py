"""The pause between rows (seed, "Configuration": `tasks.wait_after_row_ms`)."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from kztasks.run_time import RunTimeSettings
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.kit import Engine, numbers, table

pytestmark = pytest.mark.store

TIMER_S = 0.002
"""How much too early a timer may be."""

t = Category("t")
app = App("t", t)
called: list[float] = []
"""When a handler was called, and when it returned, in turn."""


def timed(args: Row) -> Step:
    called.append(time.monotonic())
    time.sleep(0.005)
    called.append(time.monotonic())
    return row([args["n"]])


@t.csv_action("paced", description="d", mandatory=["n"], output_header=["x"])
def paced(_context: Context, _data: object, args: Row) -> Step:
    return timed(args)


@t.csv_action("async_paced", description="d", mandatory=["n"], output_header=["x"])
async def async_paced(_context: Context, _data: object, args: Row) -> Step:
    return timed(args)


@t.csv_action(
    "own_pace", description="d", mandatory=["n"], output_header=["x"], wait_after_row_ms=30
)
def own_pace(_context: Context, _data: object, args: Row) -> Step:
    return timed(args)


@pytest.fixture(autouse=True)
async def _app(engine: Engine) -> None:
    called.clear()
    await engine.app(app)


def pauses() -> list[float]:
    """Seconds between the return of one row and the call of the next."""
    return [after - before for before, after in pairwise(called)][1::2]


def test_the_seeds_settings_have_the_seeds_defaults() -> None:
    settings = RunTimeSettings()
    assert (settings.wait_after_row_ms, settings.send_progress_after_processed) == (500, 1000)


@pytest.mark.parametrize("action", ["paced", "async_paced"])
async def test_the_pause_is_kept_between_rows_and_over_the_borders_of_batches(
    engine: Engine, action: str
) -> None:
    await engine.store.set_run_time_settings({"wait_after_row_ms": 40})
    await engine.scheduler(batch_target_ms=120)
    _, output = await engine.run(action, numbers(12))

    assert output == table(["n", "x"], [[str(n)] * 2 for n in range(1, 13)])
    assert len(pauses()) == 11
    assert min(pauses()) >= 0.040 - TIMER_S


async def test_an_actions_own_pause_takes_the_place_of_the_setting(engine: Engine) -> None:
    await engine.store.set_run_time_settings({"wait_after_row_ms": 3_600_000})
    await engine.scheduler()
    await engine.run("own_pace", numbers(8))

    assert min(pauses()) >= 0.030 - TIMER_S


async def test_a_changed_setting_takes_effect_in_a_task_that_runs(engine: Engine) -> None:
    """An hour between rows is corrected without waiting for it."""
    await engine.store.set_run_time_settings({"wait_after_row_ms": 3_600_000})
    scheduler = await engine.scheduler()
    task_id = await engine.submit("paced", numbers(200))
    await scheduler.start(task_id)
    await engine.committed(task_id, 1)
    await engine.store.set_run_time_settings({"wait_after_row_ms": 0})
    await engine.ended(task_id)

    assert await engine.output(task_id) == table(["n", "x"], [[str(n)] * 2 for n in range(1, 201)])


async def test_a_setting_that_makes_no_sense_changes_nothing(engine: Engine) -> None:
    scheduler = await engine.scheduler()
    await engine.store.set_run_time_settings({"wait_after_row_ms": "soon"})
    await scheduler.scheduler.run_time.refresh()
    await engine.run("paced", numbers(20))

    assert len(called) == 40
