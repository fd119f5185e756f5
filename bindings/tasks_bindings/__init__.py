"""Write background tasks for a kztasks cluster.

    from tasks_bindings import App, Category, Context, Row, row

    skel = Category("skel")

    @skel.csv_action("id2", description="The identity task", mandatory=["col1", "col2"])
    def id2(context: Context, data: object, args: Row) -> object:
        return row([args["col1"], args["col2"]])

    app = App("skel", skel)

`python -m tasks_bindings MODULE:app` runs it. `tasks_bindings.testing` runs an action on a CSV
without a broker. The wire protocol is in `tasks_bindings.wire`, the transports in
`tasks_bindings.bus`.
"""

from tasks_bindings.bindings import TasksBindings
from tasks_bindings.errors import BindingsError, DefinitionError
from tasks_bindings.sdk.actions import Action, Row
from tasks_bindings.sdk.app import App, Environment
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.context import Context
from tasks_bindings.sdk.firing import in_background
from tasks_bindings.sdk.header import Replace
from tasks_bindings.sdk.returns import INIT, STOP, Step, error, file, ok, row, rows, text
from tasks_bindings.sdk.runner import AppRunner
from tasks_bindings.wire.keys import ALL_DBS, Trigger

__all__ = [
    "ALL_DBS",
    "INIT",
    "STOP",
    "Action",
    "App",
    "AppRunner",
    "BindingsError",
    "Category",
    "Context",
    "DefinitionError",
    "Environment",
    "Replace",
    "Row",
    "Step",
    "TasksBindings",
    "Trigger",
    "error",
    "file",
    "in_background",
    "ok",
    "row",
    "rows",
    "text",
]
