"""The smallest complete app: the original's identity tasks and a trigger. Start a new one here."""

import structlog

from tasks_bindings import App, Category, Context, Row, Step, Trigger, row

skel = Category("skel")
app = App("skel", skel)

_log = structlog.get_logger(__name__)


@skel.csv_action("id1", description="The identity task", optional=["col1"])
def id1(_context: Context, _data: object, args: Row) -> Step:
    """Give back the row as it came."""
    return row(args)


@skel.csv_action(
    "id2",
    description="The identity task",
    doc="Writes col1 and col2 again, under Col1 and Col2.",
    mandatory=["col1", "col2"],
    output_header=["Col1", "Col2"],
    stateless=True,
)
def id2(_context: Context, _data: object, args: Row) -> Step:
    """Write the two columns once more beside the row."""
    return row([args["col1"], args["col2"]])


@app.trigger(Trigger.MINUTE)
def every_minute() -> None:
    """Say that a minute has begun."""
    _log.info("minute_began")
