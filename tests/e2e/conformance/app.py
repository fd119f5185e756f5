"""Actions that a client of the HTTP API can tell apart by their outcome."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from tasks_bindings import App, Category, Context, Row, Step, error, file, row

FOLDER: Final = Path(tempfile.mkdtemp(prefix="kztasks-conformance-"))

numbers = Category("numbers")
app = App("numbers", numbers, files=FOLDER)


@numbers.csv_action(
    "copy",
    description="Copy numbers",
    doc="Numbers without a plus are refused.",
    mandatory=["e164"],
    optional=["note"],
    output_header=["copied"],
    wait_after_row_ms=0,
)
def copy(_context: Context, _data: object, args: Row) -> Step:
    """Fails for what begins with no plus."""
    number = args["e164"] or ""
    return row([number]) if number.startswith("+") else error("no plus")


@numbers.csv_action(
    "wait", description="Take a while for each row", mandatory=["e164"], wait_after_row_ms=0
)
def wait(_context: Context, _data: object, _args: Row) -> Step:
    """A tenth of a second a row."""
    time.sleep(0.1)
    return row(["waited"])


@numbers.noinput_action("dump", description="Dump a file", output_header=["error"])
def dump(_context: Context, _data: object) -> Step:
    """A file of its own beside `out.csv`."""
    (FOLDER / "dump.csv").write_text('"e164"\n"+1"\n')
    return file("dump.csv")


@numbers.noinput_action("hollow", description="Dump an empty file", output_header=["error"])
def hollow(_context: Context, _data: object) -> Step:
    """A file without a byte."""
    (FOLDER / "hollow.csv").touch()
    return file("hollow.csv")
