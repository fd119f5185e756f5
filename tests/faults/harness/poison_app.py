"""An app with rows that end their process, or take it for ever, among rows that do nothing bad.

It is the app of the other rows otherwise: a running sum in `Data`, and a trace.
"""

from __future__ import annotations

import os
import resource
import threading
from typing import Final

from tasks_bindings import INIT, App, Category, Context, Environment, Row, Step, row
from tests.faults.harness import app as fault_app

CATEGORY: Final = "poison"
EXIT: Final = "exit"
LOOP: Final = "loop"
MEMORY: Final = "memory"
LIMIT_BYTES: Final = 2 * 1024**3
"""Of address space; a process that hoards meets it long before the machine suffers."""

poison = Category(CATEGORY)
app = App("poison", poison)


@app.on_start
def look_around(environment: Environment) -> None:
    """Open the trace, and limit the memory."""
    fault_app.look_around(environment)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


@poison.csv_action(
    fault_app.ACTION,
    description="Add up the numbers",
    mandatory=["number", "word"],
    output_header=["row", "sum", "error"],
    wait_after_row_ms=0,
    on_crash="continue",
    data_type=int,
)
def add(context: Context, data: object, args: Row) -> Step:
    """The running sum, unless the row's word says to end, to hang or to hoard."""
    line = f"{context.task_id},{context.row_number},{os.getpid()}\n"
    os.write(fault_app.around.trace, line.encode())
    _obey(args["word"] or "")
    before = data if data is not INIT and isinstance(data, int) else 0
    total = before + int(args["number"] or 0)
    return row([str(context.row_number), str(total), None], total)


def _obey(word: str) -> None:
    if word == EXIT:
        os._exit(3)
    elif word == LOOP:
        never = threading.Event()
        while not never.wait(0.05):
            pass
    elif word == MEMORY:
        hoard = []
        while True:
            hoard.append(bytes(64 * 1024**2))  # not touched, which would take seconds
