"""The handlers that are measured. `skel.id2` is the one that the plain loop calls, too."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final

from tasks_bindings import STOP, App, Category, Context, Environment, Row, Step, error, row, rows
from tests.apps.fast import skel

FAILS_EVERY: Final = 10
PAGE: Final = 500
"""Rows that one call of the handler without input returns."""
HASHES: Final = 160
"""About 50 µs of work that holds the interpreter's lock."""
WAIT_S: Final = 0.001

bench = Category("bench")
verified = Category("verified")
waiting = Category("waiting")


class Wanted:
    """What the process was started with."""

    rows = 0


@verified.csv_action(
    "id2",
    description="The identity task, each column with a verifier",
    mandatory=["col1", "col2"],
    optional=["note"],
    output_header=["Col1", "Col2"],
    wait_after_row_ms=0,
    stateless=True,
)
def verified_id2(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    return row([args["col1"], args["col2"]])


@verified.verifier("col1")
def is_col1(cell: str) -> bool:
    """An `a` and a number."""
    return cell[:1] == "a" and cell[1:].isdigit()


@verified.verifier("col2")
def is_col2(cell: str) -> bool:
    """A `b` and a number."""
    return cell[:1] == "b" and cell[1:].isdigit()


@verified.verifier("note")
def is_note(cell: str) -> bool:
    """A `c` and a number."""
    return cell[:1] == "c" and cell[1:].isdigit()


@bench.csv_action(
    "count",
    description="Number the rows",
    mandatory=["col1", "col2"],
    output_header=["number"],
    wait_after_row_ms=0,
)
def count(_context: Context, data: object, _args: Row) -> Step:
    """Hand the number of rows so far on from row to row."""
    number = (data if isinstance(data, int) else 0) + 1
    return row([str(number)], number)


@bench.csv_action(
    "tenth_fails",
    description="Fail each tenth row",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2", "error"],
    wait_after_row_ms=0,
    stateless=True,
)
def tenth_fails(context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row, or fail."""
    if context.row_number % FAILS_EVERY == 0:
        return error("each tenth row fails")
    return row({"Col1": args["col1"], "Col2": args["col2"]})


@bench.csv_action(
    "async_wait",
    description="Wait for a millisecond without blocking",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2"],
    wait_after_row_ms=0,
)
async def async_wait(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    await asyncio.sleep(WAIT_S)
    return row([args["col1"], args["col2"]])


@bench.csv_action(
    "hash",
    description="Compute for some tens of microseconds",
    mandatory=["col1", "col2"],
    output_header=["hash"],
    wait_after_row_ms=0,
    stateless=True,
)
def hash_row(_context: Context, _data: object, args: Row) -> Step:
    """A hash of a hash of a hash of the first column."""
    return row([hashed(args["col1"] or "")])


def hashed(cell: str) -> str:
    """What `hash` writes for a cell."""
    digest = cell.encode()
    for _ in range(HASHES):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


@waiting.csv_action(
    "block",
    description="Block for a millisecond, as a driver that waits for a server does",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2"],
    wait_after_row_ms=0,
    stateless=True,
)
def block(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    time.sleep(WAIT_S)
    return row([args["col1"], args["col2"]])


@bench.noinput_action(
    "produce",
    description="Write rows of three columns",
    output_header=["col1", "col2", "note"],
    wait_after_row_ms=0,
)
def produce(_context: Context, data: object) -> Step | object:
    """The next page of as many rows as the process was started with."""
    seen = data if isinstance(data, int) else 0
    upto = min(seen + PAGE, Wanted.rows)
    if seen >= upto:
        return STOP
    return rows([[f"a{n}", f"b{n}", f"c{n}"] for n in range(seen + 1, upto + 1)], upto)


app = App("bench", skel, verified, bench)
one_at_a_time = App("waiting", waiting, concurrency=1)
"""One batch at a time, so that more batches at once need more processes."""


@app.on_start
def take_environment(environment: Environment) -> None:
    """How many rows `produce` writes."""
    Wanted.rows = int(environment.get("BENCH_ROWS", "1000"))
