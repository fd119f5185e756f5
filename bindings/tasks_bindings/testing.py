r"""Run an action on a CSV in a test, without a broker and without the service.

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
from dataclasses import dataclass, field
from typing import Any, Final

from tasks_bindings.invoke import invoke
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.app import App
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.data import dump_data, load_data
from tasks_bindings.wire.messages import Batch, Cell, Return

ACCOUNT: Final = "a" * 32
MAX_CALLS: Final = 100_000


@dataclass(slots=True)
class Ran:
    """What came of it: one wire return for each row or call, and the last `Data`."""

    returns: list[Return] = field(default_factory=list)
    data: Any = None
    ended: bool = False
    """Whether the handler ended the task before its input did."""


def run_action(
    app: App, category: str, action: str, csv_text: str | None = None, *, batch_rows: int = 2
) -> Ran:
    """Run an action over a whole CSV, or until it stops where it takes no input.

    Args:
        app: the app under test.
        category: the action's category.
        action: its name.
        csv_text: header and rows; `None` for a task without input. An empty cell is undefined.
        batch_rows: rows in a batch; small, so that borders come often.

    Raises:
        LookupError: the app has no such action.
        AssertionError: a task without input did not stop within 100,000 calls.
    """
    found = app.action(category, action)
    owner = next((one for one in app.categories if one.name == category), None)
    if found is None or owner is None:
        raise LookupError(f"app {app.name} has no tasks.{category}.{action}")
    return asyncio.run(_run(found, owner, csv_text, batch_rows))


async def _run(action: Action, category: Category, csv_text: str | None, batch_rows: int) -> Ran:
    ran, data = Ran(), None
    columns, rows = _parse(csv_text)
    total = MAX_CALLS if rows is None else len(rows)
    for first in range(0, total, batch_rows):
        part = None if rows is None else rows[first : first + batch_rows]
        run = BatchRun(_batch(action, columns, part, batch_rows, first, data), action, category)
        result = await run.execute()
        ran.returns += result.returns
        data = dump_data(action, result.data)
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
    columns: tuple[str, ...] | None,
    rows: list[list[Cell]] | None,
    calls: int,
    first: int,
    data: str | None,
) -> Batch:
    return Batch(
        task_id="t" * 30,
        epoch=1,
        seq=first + 1,
        attempt=1,
        category=action.category,
        action=action.name,
        account_id=ACCOUNT,
        auth_account_id=ACCOUNT,
        columns=columns,
        rows=rows,
        calls=calls if rows is None else None,
        first_row=first + 1,
        data=data,
        work_ms=3_600_000,
        hash="-",
    )
