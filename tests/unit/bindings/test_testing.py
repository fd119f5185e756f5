"""The harness runs an action as an app process would, without one."""

from __future__ import annotations

import pytest

from tasks_bindings import (
    ALL_DBS,
    INIT,
    STOP,
    App,
    Category,
    Context,
    Environment,
    Row,
    Trigger,
    error,
    in_background,
    ok,
    row,
    rows,
    text,
)
from tasks_bindings.testing import ACCOUNT, TASK, fire_trigger, run_action
from tests.unit.bindings.support import csv_app, noinput_app


def test_every_row_of_a_csv_is_run_with_its_cells_by_column() -> None:
    app = csv_app(lambda _context, _data, args: row(args), columns=("a", "b"))
    ran = run_action(app, "cat", "act", 'b,c\n1,"x,\ny"\n,\n')
    assert ran.returns == [
        {"row": {"a": None, "b": "1", "c": "x,\ny"}},
        {"row": {"a": None, "b": None, "c": None}},
    ]
    assert not ran.ended


@pytest.mark.parametrize("batch_rows", [1, 2, 5, 100])
def test_data_goes_over_json_at_every_border_of_batches(batch_rows: int) -> None:
    def handler(_context: Context, data: object, _row: Row) -> object:
        return ok((1,)) if data is INIT else ok(data)

    ran = run_action(csv_app(handler), "cat", "act", "a\n1\n2\n3\n", batch_rows=batch_rows)
    assert ran.data == [1]


def test_rows_are_numbered_over_all_batches() -> None:
    seen: list[str] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context.key)
        return ok()

    run_action(csv_app(handler), "cat", "act", "a\n1\n2\n3\n", batch_rows=2)
    assert seen == [f"{TASK}:{number}" for number in (1, 2, 3)]


def test_a_task_without_input_is_called_until_it_stops() -> None:
    def handler(_context: Context, data: object) -> object:
        return STOP if data == 3 else text("line", 1 if data is INIT else int(str(data)) + 1)

    ran = run_action(noinput_app(handler), "cat", "act")
    assert len(ran.returns) == 4
    assert ran.ended


def test_a_task_that_does_not_stop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks_bindings.testing.MAX_CALLS", 10)
    app = noinput_app(lambda _context, _data: rows([]))
    with pytest.raises(AssertionError, match="did not stop within 10 calls"):
        run_action(app, "cat", "act")


def test_a_batch_that_ends_early_is_followed_by_the_rows_that_are_left() -> None:
    wide = [["x" * 600_000]]
    app = csv_app(lambda _context, _data, args: rows(wide) if args["a"] != "5" else error("why"))
    ran = run_action(app, "cat", "act", "a\n1\n2\n3\n4\n5\n", batch_rows=100)
    assert ran.returns == [{"rows": wide}] * 4 + [{"error": "why"}]


def test_a_crash_ends_the_rows() -> None:
    def handler(_context: Context, _data: object, _row: Row) -> object:
        raise LookupError

    ran = run_action(csv_app(handler), "cat", "act", "a\n1\n2\n3\n")
    assert [one["crash"]["type"] for one in ran.returns] == ["LookupError"]
    assert ran.ended


def test_an_action_that_the_app_has_not_is_told() -> None:
    app = csv_app(lambda _context, _data, _row: ok())
    for category, action in (("cat", "other"), ("other", "act")):
        with pytest.raises(LookupError, match=f"tasks.{category}.{action}"):
            run_action(app, category, action, "a\n1\n")


def test_the_row_may_belong_to_any_account_and_be_a_repetition() -> None:
    seen: list[Context] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context)
        return ok()

    app = csv_app(handler)
    run_action(app, "cat", "act", "a\n1\n")
    run_action(
        app, "cat", "act", "a\n1\n", account_id="b", auth_account_id="c", task_id="t", attempt=2
    )
    assert seen == [
        Context(ACCOUNT, ACCOUNT, TASK, "cat", "act", 1, maybe_repeated=False),
        Context("b", "c", "t", "cat", "act", 1, maybe_repeated=True),
    ]


def hooked(happened: list[str]) -> App:
    category = Category("cat")

    @category.csv_action("act", description="A sample", optional=["a"])
    def act(_context: Context, _data: object, args: Row) -> object:
        happened.append("row")
        return ok(args["a"])

    @act.on_finish
    def finish(action: str, data: object) -> None:
        happened.append(f"finish {action} {data}")

    @act.on_cleanup
    async def clean(action: str, data: object) -> None:
        happened.append(f"cleanup {action} {data}")

    app = App("sample", category)

    @app.on_start
    async def start(environment: Environment) -> None:
        happened.append(f"start {environment.get('SETTING', 'default')}")

    @app.on_stop
    def stop(_environment: Environment) -> None:
        happened.append("stop")

    return app


def test_hooks_of_the_action_run_after_the_last_row() -> None:
    happened: list[str] = []
    run_action(hooked(happened), "cat", "act", "a\n7\n")
    assert happened == ["row", "finish act 7", "cleanup act 7"]


def test_hooks_of_the_process_run_around_if_they_are_given_an_environment() -> None:
    happened: list[str] = []
    run_action(hooked(happened), "cat", "act", "a\n7\n", environment={"SETTING": "x"})
    assert happened == ["start x", "row", "finish act 7", "cleanup act 7", "stop"]


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    happened: list[str] = []
    run_action(hooked(happened), "cat", "act", "a\n7\n", environment={"SETTING": ""})
    assert happened[0] == "start default"


def test_a_trigger_calls_all_that_is_bound_to_it_in_order_and_tells_how_each_call_ended() -> None:
    app, ran = App("app"), []

    @app.trigger(Trigger.DAY)
    def first() -> None:
        ran.append("first")
        raise ValueError("bad luck")

    @app.trigger(Trigger.DAY)
    async def second() -> object:
        return in_background(lambda: ran.append("second"))

    one, two = fire_trigger(app, Trigger.DAY)
    assert ran == ["first", "second"]
    assert (one.crash is not None and one.crash.message, one.is_background) == ("bad luck", False)
    assert (two.crash, two.is_background) == (None, True)


def test_a_database_trigger_is_given_the_database_between_the_apps_hooks() -> None:
    app, seen = App("app"), []
    app.on_start(lambda environment: seen.append(environment.get("PLACE", "")))
    app.on_stop(lambda _environment: seen.append("end"))
    app.trigger(*ALL_DBS)(seen.append)
    fire_trigger(app, Trigger.OTHER, "numbers", environment={"PLACE": "here"})
    assert seen == ["here", "numbers", "end"]


def test_work_in_the_background_that_crashes_is_told() -> None:
    app = App("app")

    async def fails() -> None:
        raise RuntimeError("later")

    app.trigger(Trigger.HOUR)(lambda: in_background(fails))
    (fired,) = fire_trigger(app, Trigger.HOUR)
    assert fired.crash is not None
    assert fired.crash.type == "RuntimeError"


def test_what_cannot_be_fired_is_said_so() -> None:
    app = App("app")
    app.trigger(Trigger.DAY)(lambda: None)
    with pytest.raises(LookupError, match="hour"):
        fire_trigger(app, Trigger.HOUR)
    with pytest.raises(ValueError, match="no database"):
        fire_trigger(app, Trigger.DAY, "numbers")
