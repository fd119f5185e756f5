"""An app with rows that return at once, late, or never."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

import structlog

from tasks_bindings import App, Category, Context, Row, Step, row

_log = structlog.get_logger(__name__)

NEVER: Final = "never"
ROW_S: Final = 0.1

stuck = Category("stuck")
app = App("stuck", stuck, concurrency=3)


@stuck.csv_action(
    "thread",
    description="Copy a cell in a thread",
    mandatory=["cell"],
    output_header=["copy"],
    wait_after_row_ms=0,
    stateless=True,
)
def in_thread(_context: Context, _data: object, args: Row) -> Step:
    """Copy, unless the cell says that it shall never end."""
    if args["cell"] == NEVER:
        _log.info("hangs")
        threading.Event().wait()
    time.sleep(ROW_S)
    return row([args["cell"]])


@stuck.csv_action(
    "coroutine",
    description="Copy a cell on the event loop",
    mandatory=["cell"],
    output_header=["copy"],
    wait_after_row_ms=0,
    stateless=True,
)
async def on_loop(_context: Context, _data: object, args: Row) -> Step:
    """Copy, unless the cell says that it shall never end."""
    if args["cell"] == NEVER:
        await asyncio.Event().wait()
    return row([args["cell"]])
