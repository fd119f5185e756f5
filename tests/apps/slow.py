"""A copying task that takes some milliseconds a row, so that it can be disturbed."""

from __future__ import annotations

import time

from tasks_bindings import App, Category, Context, Row, Step, row

slow = Category("slow")
app = App("slow", slow)

ROW_S = 0.003


@slow.csv_action(
    "copy",
    description="Copy two columns, slowly",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2"],
    wait_after_row_ms=0,
)
def copy(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    time.sleep(ROW_S)
    return row([args["col1"], args["col2"]])
