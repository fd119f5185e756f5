"""A batch is run row by row, top to bottom, and says what came of each row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tasks_bindings import INIT, STOP, Context, Row, error, file, ok, row, text
from tests.unit.bindings.support import (
    ACCOUNT,
    TASK,
    MakeApp,
    batch,
    batch_run,
    both,
    csv_app,
    noinput_app,
    numbered,
    run_batch,
)

Crash = Callable[[], object]


def echo(_context: Context, _data: object, args: Row) -> object:
    return row([args["a"]])


@both
def test_rows_are_run_one_by_one_from_top_to_bottom(make: MakeApp) -> None:
    run = run_batch(make(echo), batch(numbered(100)))
    assert run.run.returns == [{"row": [str(index)]} for index in range(1, 101)]
    assert not run.run.ended


@both
def test_a_handler_is_told_its_task_and_the_number_of_the_row(make: MakeApp) -> None:
    seen: list[Context] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context)
        return ok()

    run_batch(make(handler), batch(numbered(2), first_row=11, auth_account_id="b" * 32))
    assert seen == [
        Context(ACCOUNT, "b" * 32, TASK, "cat", "act", number, maybe_repeated=False)
        for number in (11, 12)
    ]
    assert [context.key for context in seen] == [f"{TASK}:11", f"{TASK}:12"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"attempt": 2}, {}), ({"epoch": 2}, {}), ({}, {"redelivered": True})],
)
def test_a_handler_is_told_that_its_row_may_have_been_run_before(
    changes: dict[str, int], told: dict[str, bool]
) -> None:
    seen: list[bool] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context.maybe_repeated)
        return ok()

    run_batch(csv_app(handler), batch(numbered(1), **changes), **told)
    assert seen == [True]


@both
def test_data_is_handed_from_row_to_row(make: MakeApp) -> None:
    seen: list[object] = []

    def handler(_context: Context, data: Any, args: Row) -> object:
        seen.append(data)
        match args["a"]:
            case "2":
                return ok()  # keeps it
            case "3":
                return error("why", "c")
            case "4":
                return row({"x": "y"})
            case _:
                return ok("a" if data is INIT else data + "d")

    run = run_batch(make(handler), batch(numbered(6)))
    assert seen == [INIT, "a", "a", "c", "c", "cd"]
    assert run.run.data == "cdd"
    assert ["next" in one for one in run.run.returns] == [True, False, True, False, True, True]


def test_data_of_the_batch_before_is_what_the_first_row_is_given() -> None:
    seen: list[object] = []

    def handler(_context: Context, data: object, _row: Row) -> object:
        seen.append(data)
        return ok()

    run_batch(csv_app(handler), batch(numbered(1), data='{"n":[1,null]}'))
    assert seen == [{"n": [1, None]}]


@both
def test_a_crash_ends_the_task_after_its_row(make: MakeApp) -> None:
    def handler(_context: Context, data: Any, args: Row) -> object:
        if args["a"] == "2":
            raise LookupError("no such thing")
        return ok(args["a"])

    run = run_batch(make(handler), batch(numbered(3)))
    assert run.run.returns == [
        {"ok": True, "next": "data"},
        {"crash": {"type": "LookupError", "message": "no such thing"}},
    ]
    assert run.run.ended
    assert run.run.data == "1"


@both
def test_an_action_may_go_on_after_a_crash_with_the_data_from_before_it(make: MakeApp) -> None:
    seen: list[object] = []

    def handler(_context: Context, data: object, args: Row) -> object:
        seen.append(data)
        if args["a"] == "2":
            raise LookupError("no such thing")
        return ok(args["a"])

    run = run_batch(make(handler, on_crash="continue"), batch(numbered(3)))
    assert [*run.run.returns[1]] == ["crash"]
    assert seen == [INIT, "1", "1"]
    assert not run.run.ended


def leave() -> object:
    raise SystemExit(3)


def be_cancelled() -> object:
    raise asyncio.CancelledError


def end_the_iteration() -> object:
    raise StopIteration


@both
@pytest.mark.parametrize("crash", [leave, be_cancelled, end_the_iteration])
def test_a_handler_that_exits_or_cancels_itself_has_crashed_and_the_process_goes_on(
    make: MakeApp, crash: Crash
) -> None:
    run = run_batch(make(lambda _context, _data, _row: crash()), batch(numbered(1)))
    assert [*run.run.returns[0]] == ["crash"]
    assert run.run.ended


async def test_a_run_that_is_cancelled_from_outside_is_cancelled() -> None:
    started = asyncio.Event()

    async def handler(_context: Context, _data: object, _row: Row) -> object:
        started.set()
        await asyncio.Event().wait()
        return ok()

    running = asyncio.create_task(batch_run(csv_app(handler), batch(numbered(2))).execute())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@both
def test_a_return_that_no_rule_covers_is_told_and_the_batch_goes_on(make: MakeApp) -> None:
    run = run_batch(make(lambda _context, _data, _row: None), batch(numbered(2)))
    assert run.run.returns == [{"other": None, "bare": True, "next": "data"}] * 2
    assert run.run.data == [None]
    assert not run.run.ended


@both
def test_a_return_that_breaks_a_rule_is_a_crash(make: MakeApp) -> None:
    run = run_batch(make(lambda _context, _data, _row: (ok(1), 2)), batch(numbered(2)))
    assert [one["crash"]["type"] for one in run.run.returns] == ["BadReturn"]


def test_a_loose_value_that_stands_alone_is_the_next_data() -> None:
    seen: list[object] = []

    def handler(_context: Context, data: object, args: Row) -> object:
        seen.append(data)
        return [args["a"]] if args["a"] == "1" else "why"

    run_batch(csv_app(handler), batch(numbered(3)))
    assert seen == [INIT, ["1"], ["why"]]


@pytest.mark.parametrize("declared", [{"data_type": int}, {"stateless": True}])
def test_it_is_not_where_the_action_says_what_its_data_is(declared: dict[str, Any]) -> None:
    app = csv_app(lambda _context, _data, _row: "why", **declared)
    run = run_batch(app, batch(numbered(2)))
    assert run.run.returns == [{"error": "why"}] * 2
    assert run.run.data is INIT


@both
def test_stop_ends_the_task_without_counting_its_row(make: MakeApp) -> None:
    run = run_batch(
        make(lambda _context, _data, args: STOP if args["a"] == "2" else ok()), batch(numbered(3))
    )
    assert run.run.returns == [{"ok": True}, {"stop": True}]
    assert run.run.ended


@both
@pytest.mark.parametrize("value", [row(["x"], STOP), (["x"], STOP)])
def test_stop_as_data_ends_the_task_after_its_return(make: MakeApp, value: object) -> None:
    run = run_batch(make(lambda _context, _data, _row: value), batch(numbered(3), data="7"))
    assert run.run.returns == [{"row": ["x"], "next": "stop"}]
    assert run.run.ended
    assert run.run.data == 7


def test_a_task_without_input_is_called_as_often_as_asked() -> None:
    seen: list[tuple[int, object]] = []

    def handler(context: Context, data: Any) -> object:
        count = 0 if data is INIT else data
        seen.append((context.row_number, data))
        return text(f"line {count}", count + 1)

    run = run_batch(noinput_app(handler), batch(calls=3, first_row=5))
    assert seen == [(5, INIT), (6, 1), (7, 2)]
    assert run.run.returns[-1] == {"text": "line 2", "next": "data"}


def test_a_file_ends_a_task_without_input() -> None:
    run = run_batch(noinput_app(lambda _context, _data: file("/x")), batch(calls=3))
    assert run.run.returns == [{"file": "/x"}]
    assert run.run.ended


@pytest.mark.parametrize(
    "value", [row(["1"]), row(["1", "2", "3"]), ([["1", "2"], ["3"]], 7), ([["1", "2"], "3"], 7)]
)
def test_nothing_is_run_after_a_row_that_does_not_fit_the_output_header(value: object) -> None:
    run = run_batch(noinput_app(lambda _context, _data: value), batch(calls=3, width=2))
    assert run.run.done == 1
    assert run.run.ended


@pytest.mark.parametrize(
    "value",
    [
        *(ok(), text("line", 7), row(["1", "2"]), row({"a": "1"}), [], ([[]], 7)),
        ([["1", "2"], ["3", None]], 7),
        ([{"a": "1"}, {"b": "2"}], 7),
    ],
)
def test_what_fits_the_output_header_ends_nothing(value: object) -> None:
    run = run_batch(noinput_app(lambda _context, _data: value), batch(calls=3, width=2))
    assert run.run.done == 3


def test_a_stateless_action_that_hands_on_data_has_crashed() -> None:
    app = csv_app(lambda _context, _data, _row: ok(1), stateless=True)
    run = run_batch(app, batch(numbered(2)))
    assert [one["crash"]["type"] for one in run.run.returns] == ["BadReturn"]
    assert run.run.data is INIT


def test_a_stateless_action_may_stop() -> None:
    app = csv_app(lambda _context, _data, _row: ok(STOP), stateless=True)
    assert run_batch(app, batch(numbered(2))).run.returns == [{"ok": True, "next": "stop"}]
