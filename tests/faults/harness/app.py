"""The app of the fault rows: a running sum in `Data`, digests, and a trace of every row it runs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks_bindings import INIT, App, Category, Context, Environment, Row, Step, row

CATEGORY: Final = "faults"
ACTION: Final = "sum"
STATELESS: Final = "digest"
"""An action of which a task may have several batches out."""
TRACE: Final = "FAULTS_TRACE"
PACE: Final = "FAULTS_PACE"


@dataclass(slots=True)
class Surroundings:
    """What the process was started with."""

    trace: int = -1
    """Descriptor of the trace, which all processes append to."""
    pace: Path | None = None
    """Holds the seconds that a row takes at present."""

    def look(self, environment: Environment) -> None:
        """Open the trace."""
        name = environment.get(TRACE, os.devnull)
        self.trace = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        pace = environment.get(PACE, "")
        self.pace = Path(pace) if pace else None

    def row_s(self) -> float:
        """Seconds for the next row; a file that is being replaced gives none."""
        try:
            return float(self.pace.read_text()) if self.pace is not None else 0.0
        except (OSError, ValueError):
            return 0.0


faults = Category(CATEGORY)
app = App("faults", faults)
around = Surroundings()


@app.on_start
def look_around(environment: Environment) -> None:
    """Open the trace."""
    around.look(environment)


@faults.csv_action(
    ACTION,
    description="Add up the numbers",
    mandatory=["number", "word"],
    output_header=["row", "sum"],
    wait_after_row_ms=0,
    data_type=int,
)
async def add(context: Context, data: object, args: Row) -> Step:
    """Write the row's number and the sum so far beside the row."""
    row_s = around.row_s()
    if row_s:
        await asyncio.sleep(row_s)
    before = data if data is not INIT and isinstance(data, int) else 0
    total = before + int(args["number"] or 0)
    line = f"{context.task_id},{context.row_number},{os.getpid()}\n"
    os.write(around.trace, line.encode())
    return row([str(context.row_number), str(total)], total)


@add.on_cleanup
async def clean_up(_action: str, _data: object) -> None:
    """Nothing; that it is called is what matters."""


@faults.csv_action(
    STATELESS,
    description="Digest the row",
    mandatory=["number", "word"],
    output_header=["digest"],
    wait_after_row_ms=0,
    stateless=True,
)
async def digest(context: Context, _data: object, args: Row) -> Step:
    """Write what depends on the row alone beside it; the trace says from when to when it ran."""
    began = time.monotonic_ns()
    row_s = around.row_s()
    if row_s:
        await asyncio.sleep(row_s)
    content = f"{args['number']},{args['word']}".encode()
    ran = f"{context.task_id},{context.row_number},{os.getpid()},{began},{time.monotonic_ns()}\n"
    os.write(around.trace, ran.encode())
    return row([hashlib.sha256(content).hexdigest()[:16]])
