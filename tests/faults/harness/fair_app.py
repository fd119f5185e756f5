"""An app that notes whose rows it begins, each as long as the next one."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from tasks_bindings import App, Category, Context, Environment, Row, Step, row
from tests.faults.harness.app import Surroundings

CATEGORY: Final = "fair"
ACTION: Final = "copy"

fair = Category(CATEGORY)
app = App("fair", fair, concurrency=1)
around = Surroundings()


@app.on_start
def look_around(environment: Environment) -> None:
    """Open the trace."""
    around.look(environment)


@fair.csv_action(
    ACTION,
    description="Copy the number",
    mandatory=["number"],
    output_header=["copy"],
    wait_after_row_ms=0,
)
async def copy(context: Context, _data: object, args: Row) -> Step:
    """Note the row before it is run."""
    os.write(around.trace, f"{context.task_id},{context.row_number},{os.getpid()}\n".encode())
    await asyncio.sleep(around.row_s())
    return row([args["number"]])
