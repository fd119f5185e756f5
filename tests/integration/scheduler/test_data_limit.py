"""`Data` may have any shape up to a size that the operator sets; above it the task ends."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from tasks_bindings import INIT, App, Category, Context, Row, Step, row
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.kit import Engine, numbers, table

pytestmark = pytest.mark.store


@pytest.fixture
def finished() -> list[Any]:
    """What finish was given."""
    return []


@pytest.fixture
def app(finished: list[Any]) -> App:
    """Its `Data` is the list of all numbers so far."""
    t = Category("t")

    @t.csv_action("grow", description="d", mandatory=["n"], output_header=["x"])
    def grow(_context: Context, data: Any, args: Row) -> Step:
        seen = [] if data is INIT else data
        return row([args["n"]], [*seen, args["n"]])

    @grow.on_finish
    def finish(_action: str, data: Any) -> None:
        finished.append(data)

    return App("t", t)


async def test_it_may_be_as_large_as_the_setting_says(engine: Engine, app: App) -> None:
    await engine.app(app)
    await engine.scheduler(max_data_bytes=1_000_000)
    task, _ = await engine.run("grow", numbers(2000))

    assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, 2000)


async def test_above_it_the_task_ends_with_a_reason_and_keeps_the_rows_that_were_run(
    engine: Engine, app: App, finished: list[Any]
) -> None:
    await engine.app(app)
    await engine.scheduler(max_data_bytes=100, batch_rows=10)
    task, output = await engine.run("grow", numbers(100))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason is not None
    assert task.reason.startswith("state_too_large: Data of tasks.t.grow is ")
    assert "the limit is 100" in task.reason
    assert (task.succeeded, task.failed) == (30, 0)
    assert output == table(["n", "x"], [[str(n)] * 2 for n in range(1, 31)])
    assert finished == [[str(n) for n in range(1, 21)]], "the last one that could travel"


async def test_an_app_that_does_not_keep_to_it_ends_its_task_too(engine: Engine) -> None:
    async def overdo(request: Request) -> None:
        await request.reply(request.answer(data='"' + "x" * 99 + '"'))

    app = FakeApp(await engine.bus("fake"), overdo)
    await app.start()
    await engine.scheduler(max_data_bytes=100)
    task, _ = await engine.run("add", numbers(2))
    await app.stop()

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "state_too_large: Data is 101 bytes, the limit is 100"
    assert task.succeeded == 2
