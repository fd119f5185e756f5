"""`skel.id2` without a pause between rows, for tests and measurements."""

from __future__ import annotations

from tasks_bindings import App, Category, Context, Row, Step, row

skel = Category("skel")
app = App("fast", skel)


@skel.csv_action(
    "id2",
    description="The identity task",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2"],
    wait_after_row_ms=0,
    stateless=True,
)
def id2(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    return row([args["col1"], args["col2"]])
