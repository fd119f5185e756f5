r"""Run an action on a CSV, or fire a trigger, in a test; without a broker and the service.

    from tasks_bindings.testing import run_action
    from my_app import app

    def test_it_upper_cases():
        ran = run_action(app, "skel", "upper", "col1\nabc\\n")
        assert ran.returns == [{"row": ["ABC"]}]

The rows go through the same code as in a running app: verifiers, `Data` (over JSON at every batch
border, as between processes), crashes and hooks.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from tasks_bindings.invoke import invoke
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.app import App, Environment
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.data import dump_data, load_data
from tasks_bindings.sdk.firing import TriggerCalls
from tasks_bindings.wire.keys import Trigger
from tasks_bindings.wire.messages import BACKGROUND, Batch, Call, Cell, CrashReport
from tasks_bindings.wire.returns import Return

ACCOUNT: Final = "a" * 32
TASK: Final = "f" * 30
MAX_CALLS: Final = 100_000
BACKGROUND_S: Final = 60.0
"""How long work in the background may take in a test."""

T = TypeVar("T")


@dataclass(slots=True)
class Ran:
    """What came of it: one wire return for each row or call, and the last `Data`."""

    returns: list[Return] = field(default_factory=list)
    data: Any = None
    ended: bool = False
    """Whether the handler ended the task before its input did."""


@dataclass(frozen=True, slots=True)
class Fired:
    """How the call of one of a trigger's functions ended.

    Args:
        handler: name of the function.
        crash: what it raised, or its work in the background did.
        is_background: whether it went on in the background; it has ended all the same.
    """

    handler: str
    crash: CrashReport | None = None
    is_background: bool = False


@dataclass(frozen=True, slots=True)
class _Task:
    """What the handler is told of its task."""

    account_id: str
    auth_account_id: str
    task_id: str
    attempt: int
    batch_rows: int


def run_action(
    app: App,
    category: str,
    action: str,
    csv_text: str | None = None,
    *,
    batch_rows: int = 2,
    account_id: str = ACCOUNT,
    auth_account_id: str | None = None,
    task_id: str = TASK,
    attempt: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run an action over a whole CSV, or until it stops where it takes no input.

    Args:
        app: the app under test.
        category: the action's category.
        action: its name.
        csv_text: header and rows; `None` for a task without input. An empty cell is undefined.
        batch_rows: rows in a batch; small, so that borders come often.
        account_id: account of the task.
        auth_account_id: account that created it; the same one if it is not given.
        task_id: the task; give the same one twice to run its rows again, as after a fault.
        attempt: 2 or more says to the handlers that the rows may have been run before.
        environment: variables for the app's start and stop hooks, which run only if it is given.

    Raises:
        LookupError: the app has no such action.
        AssertionError: a task without input did not stop within 100,000 calls.
    """
    found = app.action(category, action)
    owner = next((one for one in app.categories if one.name == category), None)
    if found is None or owner is None:
        raise LookupError(f"app {app.name} has no tasks.{category}.{action}")
    task = _Task(account_id, auth_account_id or account_id, task_id, attempt, batch_rows)
    run = partial(_run, found, owner, csv_text, task)
    if environment is None:
        return asyncio.run(run())
    return asyncio.run(_run_started(app, Environment(environment), run))


def fire_trigger(
    app: App,
    trigger: Trigger,
    database: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> list[Fired]:
    """Call all that is bound to a trigger, one after another, and wait for what they leave running.

    Args:
        app: the app under test.
        trigger: what fires.
        database: its name, for database triggers.
        environment: variables for the app's start and stop hooks, which run only if it is given.

    Raises:
        LookupError: the app has bound nothing to the trigger.
        ValueError: a database is missing, or is given where there is none.
        AssertionError: work in the background did not end within a minute.
    """
    names = app.trigger_handlers().get(trigger.value)
    if not names:
        raise LookupError(f"app {app.name} has bound nothing to {trigger.value}")
    if trigger.takes_database is (database is None):
        raise ValueError(f"{trigger.value} is for {'a' if database is None else 'no'} database")
    run = partial(_fire, app, trigger, list(names), () if database is None else (database,))
    if environment is None:
        return asyncio.run(run())
    return asyncio.run(_run_started(app, Environment(environment), run))


async def _fire(app: App, trigger: Trigger, names: list[str], args: tuple[str, ...]) -> list[Fired]:
    calls, fired = TriggerCalls(app.trigger_handlers()), []
    for name in names:
        call = Call(key=trigger.value, args=args, handler=name)
        (result,) = await calls.fire(call, redelivered=False)
        crash, is_background = result.crash, result.value == BACKGROUND
        for work in calls.background:
            ended, _ = await asyncio.wait({work}, timeout=BACKGROUND_S)
            if not ended:
                raise AssertionError(f"the work of {name} did not end in {BACKGROUND_S:g} s")
            crash = work.result().crash
        fired.append(Fired(name, crash, is_background))
    return fired


async def _run_started(app: App, environment: Environment, run: Callable[[], Awaitable[T]]) -> T:
    for hook in app.start_hooks:
        await invoke(hook, environment)
    try:
        return await run()
    finally:
        for hook in app.stop_hooks:
            await invoke(hook, environment)


async def _run(action: Action, category: Category, csv_text: str | None, task: _Task) -> Ran:
    ran, data = Ran(), None
    columns, rows = _parse(csv_text)
    total = MAX_CALLS if rows is None else len(rows)
    first = 0
    while first < total:
        part = None if rows is None else rows[first : first + task.batch_rows]
        run = BatchRun(_batch(action, task, columns, part, first, data), action, category)
        result = await run.execute()
        ran.returns += result.returns
        data = dump_data(action, result.data)
        first += result.done
        if result.ended:
            ran.ended = True
            break
    else:
        if rows is None:
            raise AssertionError(f"the action did not stop within {MAX_CALLS} calls")
    ran.data = load_data(action, data)
    for hook in (action.finish_hook, action.cleanup_hook):
        if hook is not None:
            await invoke(hook, action.name, ran.data)
    return ran


def _parse(text: str | None) -> tuple[tuple[str, ...] | None, list[list[Cell]] | None]:
    if text is None:
        return None, None
    header, *rows = csv.reader(io.StringIO(text), strict=True)
    return tuple(header), [[cell or None for cell in row] for row in rows]


def _batch(
    action: Action,
    task: _Task,
    columns: tuple[str, ...] | None,
    rows: list[list[Cell]] | None,
    first: int,
    data: str | None,
) -> Batch:
    return Batch(
        task_id=task.task_id,
        epoch=1,
        seq=first + 1,
        attempt=task.attempt,
        category=action.category,
        action=action.name,
        account_id=task.account_id,
        auth_account_id=task.auth_account_id,
        columns=columns,
        rows=rows,
        calls=task.batch_rows if rows is None else None,
        first_row=first + 1,
        data=data,
        work_ms=3_600_000,
        hash="-",
    )
