"""`Data`, stop, crashes and verifiers, over the borders of batches."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from tasks_bindings import INIT, STOP, App, Category, Context, Row, Step, row, rows
from tests.integration.scheduler.kit import Engine, numbers, table

pytestmark = pytest.mark.store

ROWS = 2000
"""Over several batches, of 10 rows, 40, 160, ..."""

t = Category("t")
app = App("t", t)


def number(args: Row) -> int:
    return int(args["n"] or 0)


@t.csv_action("add", description="d", mandatory=["n"], output_header=["sum"])
def add(_context: Context, data: Any, args: Row) -> Step:
    total = number(args) + (0 if data is INIT else data["sum"])
    return row([total], {"sum": total})


@t.csv_action("until", description="d", mandatory=["n"], output_header=["x"])
def until(_context: Context, _data: object, args: Row) -> object:
    return STOP if number(args) == 1500 else row(["x"])


@t.csv_action("last", description="d", mandatory=["n"], output_header=["x"])
def last(_context: Context, _data: object, args: Row) -> Step:
    return row(["x"], STOP) if number(args) == 1500 else row(["x"])


@t.csv_action("crash", description="d", mandatory=["n"])
def crash(_context: Context, _data: object, args: Row) -> Step:
    if number(args) == 1500:
        raise ValueError("1500 is too much")
    return row({})


@t.csv_action(
    "bear", description="d", mandatory=["n"], on_crash="continue", output_header=["sum", "error"]
)
def bear(_context: Context, data: Any, args: Row) -> Step:
    if number(args) % 100 == 0:
        raise ValueError("no hundreds")
    total = number(args) + (0 if data is INIT else data)
    return row({"sum": total}, total)


@t.csv_action("verified", description="d", mandatory=["n", "colour"], optional=["size"])
def verified(_context: Context, _data: object, args: Row) -> Step:
    called.append(number(args))
    return row({})


@t.verifier("colour")
def is_colour(cell: str) -> bool:
    return cell in {"red", "green"}


@t.verifier("size")
def is_size(cell: str) -> bool:
    return int(cell) > 0


@t.noinput_action("count", description="d", output_header=["x"])
def count(_context: Context, data: Any) -> object:
    done = 0 if data is INIT else data
    if done >= 3000:
        return STOP
    return rows([[done], [done + 1]], done + 2)


@t.noinput_action("fall", description="d", output_header=["x", "error"])
def fall(_context: Context, data: Any) -> Step:
    if data is not INIT:
        raise ValueError("enough")
    return row(["1", None], "seen")


@t.noinput_action("misfit", description="d", output_header=["x", "y"])
def misfit(_context: Context, data: Any) -> Step:
    return row(["1", "2"], "seen") if data is INIT else row(["3"])


called: list[int] = []


@pytest.fixture(autouse=True)
async def _running(engine: Engine) -> None:
    called.clear()
    await engine.app(app)
    await engine.scheduler()


async def test_data_is_handed_on_from_row_to_row_and_from_batch_to_batch(engine: Engine) -> None:
    task, output = await engine.run("add", numbers(ROWS))

    sums = [[str(n), str(n * (n + 1) // 2)] for n in range(1, ROWS + 1)]
    assert output == table(["n", "sum"], sums)
    assert task.status is TaskStatus.SUCCESS


async def test_a_task_without_input_is_handed_its_data_until_it_stops(engine: Engine) -> None:
    task, output = await engine.run("count")

    assert output == table(["x"], [[str(n)] for n in range(3000)])
    assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, 3000)


async def test_stop_ends_the_task_before_its_row(engine: Engine) -> None:
    task, output = await engine.run("until", numbers(ROWS))

    assert output == table(["n", "x"], [[str(n), "x"] for n in range(1, 1500)])
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 1499, 0)


async def test_stop_as_data_ends_the_task_after_its_row(engine: Engine) -> None:
    task, output = await engine.run("last", numbers(ROWS))

    assert output == table(["n", "x"], [[str(n), "x"] for n in range(1, 1501)])
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 1500, 0)


async def test_a_crash_is_written_and_ends_the_task(engine: Engine) -> None:
    task, output = await engine.run("crash", numbers(ROWS))

    before = [[str(n), None] for n in range(1, 1500)]
    assert output == table(["n", "error"], [*before, ["1500", "applier crashed"]])
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 1499, 1)


async def test_an_action_may_go_on_after_a_crash_with_the_data_from_before(engine: Engine) -> None:
    task, output = await engine.run("bear", numbers(300))

    expected: list[list[str | None]] = []
    total = 0
    for n in range(1, 301):
        if n % 100 == 0:
            expected.append([str(n), None, "applier crashed"])
        else:
            total += n
            expected.append([str(n), str(total), None])
    assert output == table(["n", "sum", "error"], expected)
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 297, 3)


async def test_a_crash_ends_a_task_without_input(engine: Engine) -> None:
    task, output = await engine.run("fall")

    assert output == table(["x"], [["1"], ["applier crashed"]])
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 1, 1)


async def test_a_row_that_does_not_fit_the_header_ends_its_task_and_says_why(
    engine: Engine,
) -> None:
    task, output = await engine.run("misfit")

    assert output == b'"x","y"\n"1","2"\n"3"\n'
    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "a returned row has 1 cells, the output header has 2"
    assert (task.succeeded, task.failed) == (1, 0)


async def test_a_row_that_a_verifier_refuses_fails_and_its_handler_is_not_called(
    engine: Engine,
) -> None:
    """A verifier that crashes counts as false; an undefined optional cell is not verified."""
    rows_in: list[list[str | None]] = [
        ["1", "red", None],
        ["2", "loud", "5"],
        ["3", "green", "many"],
        ["4", "loud", "-1"],
        ["5", None, None],
        ["6", "", "1"],
        ["7", "green", "7"],
    ]
    task, output = await engine.run("verified", table(["n", "colour", "size"], rows_in))

    errors = [
        None,
        "bad field(s) colour",
        "bad field(s) size",
        "bad field(s) colour size",
        "bad field(s) colour",
        "bad field(s) colour",
        None,
    ]
    expected = [[*cells, why] for cells, why in zip(rows_in, errors, strict=True)]
    assert output == table(["n", "colour", "size", "error"], expected)
    assert called == [1, 7]
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.PARTIAL, 2, 5)


async def test_counts_that_contradict_the_input_are_an_internal_error_that_says_so(
    engine: Engine,
) -> None:
    task_id = await engine.submit("bear", numbers(101), total_rows=50)
    await engine.schedulers[0].start(task_id)
    task = await engine.ended(task_id)

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "the counts contradict the 50 rows of in.csv: 1 failed, 100 succeeded"
