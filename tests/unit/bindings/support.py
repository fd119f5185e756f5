"""Apps and batches for the tests of the bindings package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tasks_bindings import App, Category, Context, Row
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.wire.messages import AppIdentity, Batch, Cell

ACCOUNT = "a" * 32
TASK = "f" * 30
IDENTITY = AppIdentity(name="sample", instance="1" * 32, version="0")

Handler = Callable[..., Any]


def csv_app(handler: Handler, *, columns: Sequence[str] = ("a",), **metadata: Any) -> App:
    """An app with one CSV action, `tasks.cat.act`."""
    category = Category("cat")
    fields = {"description": "A sample", "optional": list(columns), **metadata}
    category.csv_action("act", **fields)(handler)
    return App("sample", category)


def noinput_app(handler: Handler, **metadata: Any) -> App:
    """An app with one action without input, `tasks.cat.act`."""
    category = Category("cat")
    fields = {"description": "A sample", "output_header": ["a", "b"], **metadata}
    category.noinput_action("act", **fields)(handler)
    return App("sample", category)


def batch(rows: Sequence[Sequence[Cell]] | None = None, **changes: Any) -> Batch:
    """A batch of `tasks.cat.act`; one column `a` unless the test says otherwise."""
    fields: dict[str, Any] = {
        "task_id": TASK,
        "epoch": 1,
        "seq": 1,
        "attempt": 1,
        "category": "cat",
        "action": "act",
        "account_id": ACCOUNT,
        "auth_account_id": ACCOUNT,
        "first_row": 1,
        "work_ms": 60_000,
        "hash": "h",
    }
    if rows is not None:
        fields |= {"columns": ("a",), "rows": [list(row) for row in rows]}
    return Batch(**{**fields, **changes})


def numbered(count: int) -> list[list[Cell]]:
    """Rows of one cell: "1", "2", and so on."""
    return [[str(index)] for index in range(1, count + 1)]


def batch_run(app: App, one: Batch, **told: Any) -> BatchRun:
    """A run of a batch on the app's action."""
    [category] = app.categories
    return BatchRun(one, category.actions[one.action], category, **told)


def run_batch(app: App, one: Batch, **told: Any) -> BatchRun:
    """Run a batch to its end."""
    run = batch_run(app, one, **told)
    asyncio.run(run.execute())
    return run


def sync_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    return csv_app(function, **metadata)


def async_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    async def handler(context: Context, data: object, args: Row) -> object:
        await asyncio.sleep(0)
        return function(context, data, args)

    return csv_app(handler, **metadata)


def awaitable_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    """A plain function that returns something to await."""

    async def answer(context: Context, data: object, args: Row) -> object:
        return function(context, data, args)

    def handler(context: Context, data: object, args: Row) -> object:
        return answer(context, data, args)

    return csv_app(handler, **metadata)


both = pytest.mark.parametrize("make", [sync_app, async_app, awaitable_app])
MakeApp = Callable[..., App]
