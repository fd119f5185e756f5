"""What an action is asked for beside its rows: its output header, and its hooks at the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.scheduler import calls
from tasks_bindings import App, Category, Context, Replace, Row, Step, ok, row
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.wire.messages import CallResult
from tests.integration.scheduler.kit import Engine, eventually, numbers, table

pytestmark = pytest.mark.store


@dataclass
class Told:
    """What the hooks of `hooked` were told, and what they saw."""

    engine: Engine
    task_id: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    statuses: list[TaskStatus] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    async def hook(self, hook: str, action: str, data: Any) -> None:
        self.calls.append((hook, action, data))
        self.statuses.append((await self.engine.task(self.task_id)).status)
        if hook in self.failing:
            raise RuntimeError(f"{hook} is broken")


def hooked_app(told: Told) -> App:
    """An app with one action that counts its rows and has both hooks."""
    t = Category("t")
    gate = threading.Event()

    @t.csv_action("hooked", description="d", mandatory=["n"], output_header=["x"])
    def hooked(_context: Context, data: Any, args: Row) -> Step:
        if args["n"] == "crash":
            raise ValueError(args["n"])
        if args["n"] == "wait":
            gate.wait(0.1)
        done = data + 1 if isinstance(data, int) else 1
        return row([args["n"]], done)

    @hooked.on_finish
    async def finish(action: str, data: Any) -> None:
        await told.hook("finish", action, data)

    @hooked.on_cleanup
    async def cleanup(action: str, data: Any) -> None:
        await told.hook("cleanup", action, data)

    return App("t", t)


@pytest.fixture
async def told(engine: Engine) -> Told:
    told = Told(engine)
    await engine.app(hooked_app(told))
    await engine.scheduler()
    return told


async def started(told: Told, *cells: str) -> str:
    """The id of a started task of `hooked`."""
    engine = told.engine
    told.task_id = await engine.submit("hooked", table(["n"], [[cell] for cell in cells]))
    await engine.schedulers[0].start(told.task_id)
    return told.task_id


async def cleaned_up(told: Told) -> None:
    await eventually(lambda: len(told.statuses) == 2)


async def test_the_hooks_get_the_action_and_the_last_data_before_and_after_the_final_status(
    told: Told,
) -> None:
    task = await told.engine.ended(await started(told, "1", "2", "3"))
    await cleaned_up(told)

    assert told.calls == [("finish", "hooked", 3), ("cleanup", "hooked", 3)]
    assert told.statuses == [TaskStatus.EXECUTING, TaskStatus.SUCCESS]
    assert task.status is TaskStatus.SUCCESS


async def test_the_hooks_are_called_after_a_crash_too(told: Told) -> None:
    task = await told.engine.ended(await started(told, "1", "2", "crash", "4"))
    await cleaned_up(told)

    assert told.calls == [("finish", "hooked", 2), ("cleanup", "hooked", 2)]
    assert told.statuses == [TaskStatus.EXECUTING, TaskStatus.PARTIAL]
    assert task.status is TaskStatus.PARTIAL


async def test_the_hooks_are_called_after_a_stop_too(told: Told) -> None:
    task_id = await started(told, *["wait"] * 300)
    await told.engine.committed(task_id, 1)
    await told.engine.schedulers[0].scheduler.operations.stop(task_id)
    task = await told.engine.ended(task_id)
    await cleaned_up(told)

    assert task.status is TaskStatus.STOPPED
    assert told.calls == [
        ("finish", "hooked", task.succeeded),
        ("cleanup", "hooked", task.succeeded),
    ]
    assert told.statuses == [TaskStatus.EXECUTING, TaskStatus.STOPPED]


@pytest.mark.parametrize("failing", ["finish", "cleanup"])
async def test_a_hook_that_crashes_does_not_change_the_result(told: Told, failing: str) -> None:
    told.failing.add(failing)
    task_id = await started(told, "1", "2")
    task = await told.engine.ended(task_id)
    await cleaned_up(told)

    assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, 2)
    assert await told.engine.output(task_id) == table(["n", "x"], [["1", "1"], ["2", "2"]])
    assert [hook for hook, _, _ in told.calls] == ["finish", "cleanup"]


async def test_hooks_that_crash_are_named_in_the_reason(told: Told) -> None:
    told.failing |= {"finish", "cleanup"}
    task_id = await started(told, "1")
    task = await told.engine.ended(task_id)
    assert str(task.reason).startswith("finish crashed: RuntimeError")

    reason = "finish crashed: RuntimeError; cleanup crashed: RuntimeError"
    task = await told.engine.until(task_id, lambda task: task.reason == reason)
    assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, 1)


def header_of(_action: str) -> list[str]:
    return ["from a function"]


def broken_header(_action: str) -> list[str]:
    raise RuntimeError("no header")


HEADERS: list[Any] = [
    ("list", ["x", "error"], ["n", "note", "x"]),
    ("function", header_of, ["n", "note", "from a function"]),
    ("replaced", Replace(["x", "n"]), ["x", "n"]),
    ("absent", None, ["n", "error"]),
    ("crashing", broken_header, ["n", "error"]),
]


@pytest.mark.parametrize(
    ("output_header", "columns"), [pytest.param(*case[1:], id=case[0]) for case in HEADERS]
)
async def test_the_output_header_is_the_actions_or_the_seeds_default(
    engine: Engine, output_header: Any, columns: list[str]
) -> None:
    """Without a usable one: mandatory, optional and error; the column "note" is unknown."""
    t = Category("t")

    @t.csv_action("a", description="d", mandatory=["n"], output_header=output_header)
    def write_all(_context: Context, _data: object, _args: Row) -> Step:
        return row({column: column for column in columns})

    await engine.app(App("t", t))
    await engine.scheduler()
    _, output = await engine.run("a", table(["n", "note"], [["1", None], ["2", None]]))

    assert output == table(columns, [columns, columns])


async def test_the_header_is_asked_for_once_in_a_task(engine: Engine) -> None:
    asked: list[str] = []

    def header(action: str) -> list[str]:
        asked.append(action)
        return ["x"]

    t = Category("t")

    @t.csv_action("a", description="d", mandatory=["n"], output_header=header)
    def write(_context: Context, _data: object, _args: Row) -> Step:
        return row(["1"])

    await engine.app(App("t", t))
    await engine.scheduler()
    await engine.run("a", numbers(500))

    assert asked == ["a"]


@pytest.mark.parametrize(
    ("output_header", "asked"),
    [(["x"], []), (Replace(["x"]), []), (header_of, ["tasks.t.output_header"])],
)
async def test_a_header_that_is_always_the_same_is_announced_and_not_asked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, output_header: Any, asked: list[str]
) -> None:
    called: list[str] = []
    call = TasksBindings.call_app

    async def noted(bindings: TasksBindings, app: str, key: str, *args: Any) -> list[CallResult]:
        called.append(key)
        return await call(bindings, app, key, *args)

    monkeypatch.setattr(TasksBindings, "call_app", noted)
    t = Category("t")

    @t.csv_action("a", description="d", mandatory=["n"], output_header=output_header)
    def write(_context: Context, _data: object, _args: Row) -> Step:
        return ok()

    await engine.app(App("t", t))
    await engine.scheduler()
    task, _ = await engine.run("a", numbers(1))

    assert task.status is TaskStatus.SUCCESS
    assert called == asked


async def test_the_header_is_waited_for_as_long_as_the_app_is_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be busy; the default in its place would stay for the whole task."""
    monkeypatch.setattr(calls, "HOOK_PATIENCE_S", 0.1)
    defaults = TasksBindings.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout_s", 0.1)
    asked: list[str] = []
    idle = threading.Event()

    def header(action: str) -> list[str]:
        asked.append(action)
        if len(asked) < 4:
            idle.wait(10)
        return ["x"]

    t = Category("t")

    @t.csv_action("a", description="d", mandatory=["n"], output_header=header)
    def write(_context: Context, _data: object, _args: Row) -> Step:
        return row({"x": "1"})

    await engine.app(App("t", t))
    await engine.scheduler()
    _, output = await engine.run("a", numbers(1))
    idle.set()

    assert output == table(["n", "x"], [["1", "1"]])
