"""What comes out of a task: its rows once and in order, its columns, its counts, its status."""

from __future__ import annotations

import pytest

from kztasks.domain.status import TaskStatus
from tasks_bindings import STOP, App, Category, Context, Row, Step, error, ok, row, rows, text
from tests.integration.scheduler.kit import ACCOUNT, AUTH_ACCOUNT, Engine, numbers, table

pytestmark = pytest.mark.store

t = Category("t")
app = App("t", t)


@t.csv_action("copy", description="d", mandatory=["n"], optional=["note"], output_header=["copy"])
def copy(_context: Context, _data: object, args: Row) -> Step:
    return row([args["n"]])


@t.csv_action("odd", description="d", mandatory=["n"], output_header=["x", "y", "error"])
def odd(_context: Context, _data: object, args: Row) -> Step:
    number = int(args["n"] or 0)
    return error(f"{number} is even") if number % 2 == 0 else row({"y": str(number)})


@t.csv_action("silent", description="d", mandatory=["n"], output_header=["x", "error"])
def silent(_context: Context, _data: object, _args: Row) -> Step:
    return ok()


@t.csv_action("refuse", description="d", mandatory=["n"])
def refuse(_context: Context, _data: object, _args: Row) -> Step:
    return error("never")


@t.csv_action("told", description="d", mandatory=["n"], output_header=["told"])
def told(context: Context, _data: object, _args: Row) -> Step:
    return row([f"{context.account_id[0]} {context.auth_account_id[0]} {context.row_number}"])


@t.noinput_action("report", description="d", output_header=["x", "y", "z"])
def report(_context: Context, data: object) -> Step:
    steps = [
        ok(1),
        row(["1", None, None], 2),
        rows([["2", None, None], {"z": "3"}], 3),
        text("plain text", 4),
        Step({"stop": True}),
    ]
    return steps[data if isinstance(data, int) else 0]


@t.noinput_action("nothing", description="d", output_header=["x", "y"])
def nothing(_context: Context, _data: object) -> object:
    return STOP


@pytest.fixture(autouse=True)
async def _running(engine: Engine) -> None:
    await engine.app(app)
    await engine.scheduler()


async def test_each_row_comes_out_once_and_in_input_order(engine: Engine) -> None:
    task, output = await engine.run("copy", numbers(5000))

    assert output == table(["n", "copy"], [[str(n)] * 2 for n in range(1, 5001)])
    assert task.status is TaskStatus.SUCCESS
    assert (task.total_rows, task.succeeded, task.failed) == (5000, 5000, 0)


async def test_a_failed_row_has_its_error_on_its_own_line(engine: Engine) -> None:
    task, output = await engine.run("odd", numbers(4))

    assert output == table(
        ["n", "y", "error"],
        [["1", "1", None], ["2", None, "2 is even"], ["3", "3", None], ["4", None, "4 is even"]],
    )
    assert task.status is TaskStatus.PARTIAL
    assert (task.succeeded, task.failed) == (2, 2)


async def test_columns_that_no_row_wrote_are_left_out(engine: Engine) -> None:
    """Of n, note, x, y and error, no row has a note, an x or an error."""
    odd_numbers = range(1, 2001, 2)
    _, output = await engine.run("odd", table(["n", "note"], [[str(n), None] for n in odd_numbers]))

    assert output == table(["n", "y"], [[str(n)] * 2 for n in odd_numbers])


@pytest.mark.parametrize("even", [0, 1000], ids=["first", "last"])
async def test_a_column_that_one_row_alone_wrote_is_there_in_all(engine: Engine, even: int) -> None:
    numbers_in = list(range(1, 2001, 2))
    numbers_in.insert(even, 2002)
    _, output = await engine.run("odd", table(["n"], [[str(n)] for n in numbers_in]))

    lines = [[str(n), str(n), None] for n in numbers_in]
    lines[even] = ["2002", None, "2002 is even"]
    assert output == table(["n", "y", "error"], lines)


async def test_rows_that_succeed_without_a_word_leave_the_header_alone(engine: Engine) -> None:
    task, output = await engine.run("silent", numbers(30))

    assert output == table(["n", "x", "error"], [])
    assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, 30)


async def test_a_task_whose_rows_all_fail_is_a_failure(engine: Engine) -> None:
    task, output = await engine.run("refuse", numbers(3))

    assert output == table(["n", "error"], [[str(n), "never"] for n in (1, 2, 3)])
    assert (task.status, task.failed) == (TaskStatus.FAILURE, 3)


async def test_a_handler_is_told_whose_row_it_is_and_which(engine: Engine) -> None:
    _, output = await engine.run("told", numbers(30))

    who = f"{ACCOUNT[0]} {AUTH_ACCOUNT[0]}"
    assert output == table(["n", "told"], [[str(n), f"{who} {n}"] for n in range(1, 31)])


async def test_an_input_with_cells_of_all_sorts_comes_out_as_it_went_in(engine: Engine) -> None:
    cells = ['q"uote', "two\nlines", "comma,", "", "é€😀", " spaces ", "\r\n"]
    rows_in: list[list[str | None]] = [[str(n), cell] for n, cell in enumerate(cells)]
    _, output = await engine.run("copy", table(["n", "note"], rows_in))

    assert output == table(["n", "note", "copy"], [[n, cell, n] for n, cell in rows_in])


async def test_a_task_without_input_writes_rows_until_it_says_stop(engine: Engine) -> None:
    task, output = await engine.run("report")

    assert output == b'"x","z"\n"1",\n"2",\n,"3"\n"plain text"\n'
    assert task.status is TaskStatus.SUCCESS
    assert (task.total_rows, task.succeeded, task.failed) == (None, 4, 0)


async def test_a_task_that_wrote_nothing_has_its_header(engine: Engine) -> None:
    task, output = await engine.run("nothing")

    assert output == table(["x", "y"], [])
    assert task.status is TaskStatus.SUCCESS
